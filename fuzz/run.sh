#!/usr/bin/env bash
# Runs one fuzz target:   fuzz/run.sh NAME SECONDS [OPTION OF LIBFUZZER]…
# It begins with the committed inputs of fuzz/corpus/NAME and with what earlier runs found worth keeping in build/fuzz/corpus/NAME. An
# input that breaks something is left in build/fuzz/findings; once it is mended, the input belongs in fuzz/corpus/NAME, by a telling name.
# fuzz/NAME.dict, where there is one, holds words to try. Exit code 77 (skipped) where the target is not built.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
name=$1 seconds=$2
shift 2
target=build/fuzz/${name}_fuzz
if [ ! -x "$target" ]; then
  echo "SKIPPED: there is no $target; fuzz/build.sh makes it, or says what it needs"
  exit 77
fi
mkdir -p "build/fuzz/corpus/$name" build/fuzz/findings
folders=("build/fuzz/corpus/$name")
if [ -d "fuzz/corpus/$name" ]; then folders+=("fuzz/corpus/$name"); fi
# A finding fails: libFuzzer's own exit code for one is that of a skipped test.
options=(-error_exitcode=1 -max_total_time="$seconds" -max_len=16384 -timeout=10 -malloc_limit_mb=256 -rss_limit_mb=2048 -print_final_stats=1)
if [ -f "fuzz/$name.dict" ]; then options+=(-dict="fuzz/$name.dict"); fi
exec "$target" "${options[@]}" -artifact_prefix="build/fuzz/findings/$name-" "$@" "${folders[@]}"
