// Prints the first instruction set of its list that this machine runs; CMake asks it for INGOT_ISAS=native.
//   native_isa --set NAME EXTENSION… [--set …]
#include <cstdio>
#include <string_view>
#include <vector>

#include "backends/cpu/detect.h"

int main(int argc, char** argv) {
  for (int i = 1; i < argc; i++) {
    const char* name = argv[++i];
    std::vector<std::string_view> extensions;
    while (i + 1 < argc && argv[i + 1] != std::string_view("--set")) extensions.push_back(argv[++i]);
    if (ingot::cpu::has(ingot::cpu::this_machine(), extensions)) return std::fputs(name, stdout), 0;
  }
  return 1;
}
