#!/usr/bin/env bash
# Fetches the vocabularies and chat templates that others publish into $INGOT_CACHE/llama-cpp-models and prints that folder; when it
# is there already, nothing is done. `./test --full` calls it (76 MB); ./test uses what is there.
#   ggml-vocab-*.gguf   model files with a vocabulary and no weights, some with cases of their own beside them (.inp, .out)
#   templates/*.jinja   chat templates of models
# All of it lies in the source distribution of the Python package llama-cpp-python (tools/setup/sources.txt), of which nothing is
# installed or built.
set -euo pipefail
# shellcheck source=tools/setup/project.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/setup/project.sh"

package=llama-cpp-python
pinned=$(grep "^$package==" "$project/tools/setup/sources.txt")
version=${pinned#*==}
archive=${package//-/_}-${version%% *}.tar.gz
sha256=${pinned##*sha256:}
inside=${archive%.tar.gz}/vendor/llama.cpp/models
folder=$INGOT_CACHE/llama-cpp-models
downloads=$INGOT_CACHE/downloads/llama-cpp-models

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
  "$project/tools/setup/install.sh" source
  say "fetching vocabularies and chat templates (76 MB)"
  # Once its hash was right, pip asks a source distribution for its metadata. The build tool that it takes is the one of
  # python-source.txt: without isolation pip fetches none of its own.
  pip_download sources.txt "$package" "$downloads" --no-binary :all: --no-build-isolation ||
    fail "$package could not be fetched from the Python package index" \
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
