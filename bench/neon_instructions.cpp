// One call of a NEON kernel, for neon_instructions.py to count: PROGRAM COLS resident|from_file, 4 rows and one token.
// What it does besides does not depend on COLS. KERNELS: the table of one format; no resident layout: exit status 3.
#include <cstdlib>
#include <cstring>

#include "backends/cpu/kernels.h"

namespace ingot::cpu::neon {
extern const FormatKernels KERNELS;
}

int main(int, char** argv) {
  using namespace ingot::cpu;
  constexpr int max_cols = 4096;
  static u8 weights[32 * max_cols];
  static i8 codes[max_cols];
  static float scales[max_cols / 32], values[max_cols], y[gemv_max_rows];
  static i16 sums[max_cols / 16];
  const FormatKernels& kernels = neon::KERNELS;
  auto kernel = strcmp(argv[2], "resident") == 0 ? kernels.resident : kernels.from_file;
  if (!kernel) return 3;
  memset(weights, 0x2a, sizeof weights);  // ordinary numbers of every scale type
  kernel({weights, atoi(argv[1]), 0, 4, {codes, scales, sums, values}, 0, 1, 1, y});
}
