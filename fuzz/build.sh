#!/usr/bin/env bash
# Builds every fuzz target into build/fuzz, with libFuzzer, AddressSanitizer and UndefinedBehaviorSanitizer.
# Exit code 77 (skipped) where no clang with libFuzzer is.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

# The name alone tells nothing: Debian has libFuzzer in a package of its own.
links_a_target() {
  command -v "$1" >/dev/null && "$1" -x c++ -fsanitize=fuzzer,address,undefined -o /dev/null - 2>/dev/null <<<'
    extern "C" int LLVMFuzzerTestOneInput(const unsigned char*, unsigned long) { return 0; }'
}
for compiler in clang++-19 clang++ none; do
  if links_a_target "$compiler"; then break; fi
done
if [ "$compiler" = none ]; then
  echo "SKIPPED: no clang with libFuzzer; Debian's packages clang-19 and libclang-rt-19-dev have it"
  exit 77
fi
cmake --preset fuzz -DCMAKE_CXX_COMPILER="$compiler" >/dev/null
cmake --build --preset fuzz
