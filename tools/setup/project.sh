# shellcheck shell=bash
# What every script of the project shares: where things are and how to speak. Sourced with bash, never run.
#   project      root of the clone
#   INGOT_CACHE  folder of downloads and of the private Python environment; .cache in the clone unless set
# Scripts speak on stderr; stdout is for answers.

project=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)
mkdir -p -- "${INGOT_CACHE:-$project/.cache}"
INGOT_CACHE=$(cd -- "${INGOT_CACHE:-$project/.cache}" && pwd)
export INGOT_CACHE

say() { printf '==> %s\n' "$*" >&2; }

# fail WHAT [DETAIL]…: the error, with details on lines of their own, and out.
fail() {
  printf '[setup] %s\n' "$1" >&2
  shift
  if (($#)); then printf '        %s\n' "$@" >&2; fi
  exit 1
}

# quietly LOG COMMAND…: output goes to .cache/logs/LOG.log; shown only when the command fails, whose status it returns.
quietly() {
  local log="$INGOT_CACHE/logs/$1.log" status=0
  shift
  mkdir -p -- "$INGOT_CACHE/logs"
  "$@" >"$log" 2>&1 </dev/null || status=$?
  if ((status)); then
    tail -n 25 -- "$log" >&2
    printf '[setup] %s\n' "failed with status $status: $*" "the whole output: $log" >&2
  fi
  return "$status"
}

# pip_download LIST NAME FOLDER [OPTION]…: the package NAME into FOLDER, as tools/setup/LIST pins it; nothing is installed. A file whose
# hash is not the pinned one is refused before anything looks inside.
pip_download() {
  local list=$project/tools/setup/$1 name=$2 folder=$3 show=(--quiet)
  shift 3
  if [ -t 2 ]; then show=(); fi # its bar is for terminals only
  "$INGOT_CACHE/python/bin/python" -m pip download "${show[@]}" --disable-pip-version-check --no-cache-dir --no-deps --require-hashes \
    --dest "$folder" "$@" -r <(grep "^$name==" "$list") >&2 </dev/null
}

# build PRESET [TARGET]: configures and builds; progress on one line of a terminal, every 20th step elsewhere.
build() {
  local preset=$1 jobs=${CMAKE_BUILD_PARALLEL_LEVEL:-$(nproc)}
  local command=(cmake --build "build/$preset" --parallel "$jobs" ${2:+--target "$2"})
  say "building $preset${2:+, target $2} ($jobs jobs)"
  cd -- "$project" || exit 1
  command -v cmake >/dev/null || fail "cmake is not installed" "run tools/setup/install.sh build"
  local options=()
  if [ -x "$INGOT_CACHE/python/bin/python3" ]; then options=(-D "INGOT_PYTHON=$INGOT_CACHE/python/bin/python3"); fi
  quietly "configure-$preset" cmake --preset "$preset" "${options[@]}" || exit 1
  export NINJA_STATUS='[%f/%t] '
  if [ -t 2 ]; then
    "${command[@]}" >&2
  else
    "${command[@]}" 2>&1 | every_20th_step >&2
  fi
}

every_20th_step() {
  local line steps=0
  while IFS= read -r line; do
    case $line in
      '['*/*']'*) if ((steps++ % 20 == 0)); then printf '%s\n' "$line"; fi ;;
      *) printf '%s\n' "$line" ;;
    esac
  done
}
