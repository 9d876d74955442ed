#!/usr/bin/env bash
# Fetches the vocabularies and chat templates that others publish into $INGOT_CACHE/llama-cpp-models and prints that folder; when it
# is there already, nothing is done. `./test --full` calls it (76 MB); ./test uses what is there.
#   ggml-vocab-*.gguf   model files with a vocabulary and no weights, some with cases of their own beside them (.inp, .out)
#   templates/*.jinja   chat templates of models
# All of it lies in the source distribution of the Python package llama-cpp-python, of which nothing is installed or built.
set -euo pipefail
# shellcheck source=tools/setup/project.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/setup/project.sh"

package=llama-cpp-python==0.3.36
archive=llama_cpp_python-0.3.36.tar.gz
sha256=832db0699007f1be95a7e41ef12e88926b02ba836461e36a36372db2760c1a2e
inside=${archive%.tar.gz}/vendor/llama.cpp/models
folder=$INGOT_CACHE/llama-cpp-models
downloads=$INGOT_CACHE/downloads/llama-cpp-models
python=$INGOT_CACHE/python/bin/python

if [ -d "$folder" ]; then
  printf '%s\n' "$folder"
  exit 0
fi
is_good() { [ -f "$1" ] && sha256sum --check --status <<<"$sha256  $1"; }

mkdir -p -- "$downloads"
trap 'rm -rf -- "$downloads/unpacked"' EXIT
source=$downloads/$archive
if is_good "$INGOT_CACHE/peers/$archive"; then  # bench/peers/build.py was here
  source=$INGOT_CACHE/peers/$archive
elif ! is_good "$source"; then
  [ -x "$python" ] || fail "the private Python environment is missing" "run tools/setup/install.sh build, then start again"
  say "fetching vocabularies and chat templates (76 MB)"
  show=(--quiet)
  if [ -t 2 ]; then show=(); fi
  # pip asks a source distribution for its metadata, for which it fetches that package's build tool, into a place of its own.
  "$python" -m pip download "${show[@]}" --disable-pip-version-check --no-cache-dir --no-deps --no-binary llama-cpp-python \
    --dest "$downloads" "$package" >&2 </dev/null || fail "$package could not be fetched from the Python package index" \
    "check the network and start again," "or put $archive into $downloads by hand, sha256 $sha256"
fi
if ! is_good "$source"; then
  got=$(sha256sum <"$source")
  rm -f -- "$source"
  fail "$archive is not what was expected" "got sha256 ${got%% *}" "expected   $sha256" "start again; it will be fetched anew"
fi
rm -rf -- "$downloads/unpacked"
mkdir -- "$downloads/unpacked"
tar -xzf "$source" -C "$downloads/unpacked" --strip-components=3 "$inside" || fail "$archive could not be unpacked" "is the disk full?"
mv -T -- "$downloads/unpacked/models" "$folder"
rm -rf -- "$downloads"
say "vocabularies and chat templates are in place"
printf '%s\n' "$folder"
