// IQ1_M: 8 ternary weights per codeword, each run shifted by ±1/8 of its own (ggml i-quants).     1.75 bits per weight
//
//   w = scale · (2s(g) + 1) · (grid[index] ± 1/8) = 1/8 · scale · sub(g) · (8 · grid[index] ± 1),   g = i / 16
//
//   byte  0   lows    32 bytes; low 8 bits of the index of run j in byte j
//   byte 32   highs   16 bytes; run j in the low (j even) or high nibble of byte j / 2: 3 upper index bits, then the
//                     minus sign of the shift
//   byte 48   subs    4 × u16: s of group g in bits 3(g mod 4) and above of word g / 4. The top nibbles of the four
//                     words, first word lowest, are the scale, f16
//   code: index in bits 0–10, minus sign of the shift in bit 11
#include "tables/iq1_grid.h"
#include "tables/eight_bytes.h"
#include "tables/iq1_values.h"
struct iq1_m : vector {
  enum { ggml_id = 29, block = 256, group = 16, code_bits = 12, block_bytes = 56, values = 6 };
  enum at { lows_at = 0, highs_at = 32, subs_at = 48 };

  fn word(view b, int n) { return b.word16(subs_at + 2 * n); }
  fn code(view b, int j) { return b.byte(lows_at + j) | (b.byte(highs_at + j / 2) >> j % 2 * 4 & 15) << 8; }
  fn expand(u32 code) { return eight_times_plus_one(iq1_grid[code & 2047], code >> 11); }
  fn value(int c) { return iq1_values[c]; }
  fn unit() { return 0.125f; }
  fn scale(view b) {
    return Float16{word(b, 0) >> 12 | word(b, 1) >> 12 << 4 | word(b, 2) >> 12 << 8 | word(b, 3) >> 12 << 12};
  }
  fn sub(view b, int g) { return 2 * (word(b, g / 4) >> g % 4 * 3 & 7) + 1; }
};
