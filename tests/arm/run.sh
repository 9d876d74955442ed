#!/usr/bin/env bash
# Builds the kernel tests for Arm and runs them under qemu-user.   run.sh BUILD_FOLDER;  77: a tool is missing
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
for tool in aarch64-linux-gnu-g++:g++-aarch64-linux-gnu qemu-aarch64:qemu-user; do
  if ! command -v "${tool%%:*}" >/dev/null; then
    echo "SKIPPED: ${tool%%:*} is missing; Debian's package ${tool##*:} has it"
    exit 77
  fi
done
if [ ! -d /usr/src/googletest ]; then
  echo "SKIPPED: the sources of GoogleTest are missing; Debian's package googletest has them"
  exit 77
fi
cmake -S "$here" -B "$1" -G Ninja >/dev/null
ninja -C "$1" test_kernels
# max: the emulated processor has dot products and half precision
qemu-aarch64 -cpu max "$1/test_kernels" --gtest_brief=1
