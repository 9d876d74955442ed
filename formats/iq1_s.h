// IQ1_S: 8 ternary weights per codeword, all shifted by ±1/8 (ggml i-quants).                   1.5625 bits per weight
//
//   w = scale · (2s(g) + 1) · (grid[index] ± 1/8) = 1/8 · scale · sub(g) · (8 · grid[index] ± 1),   g = i / 32
//
//   byte  0   scale   f16
//   byte  2   lows    32 bytes; low 8 bits of the index of run j in byte j
//   byte 34   highs   8 × u16, one per group: 3 upper index bits of each of its 4 runs in bits 0–11, s in bits 12–14,
//                     bit 15: the shift is −1/8
//   code: index in bits 0–10, minus sign of the shift in bit 11
#include "tables/iq1_grid.h"
#include "tables/eight_bytes.h"
#include "tables/iq1_values.h"
struct iq1_s : vector {
  enum { ggml_id = 19, block = 256, group = 32, code_bits = 12, block_bytes = 50, values = 6 };
  enum at { scale_at = 0, lows_at = 2, highs_at = 34 };

  fn high(view b, int g) { return b.word16(highs_at + 2 * g); }
  fn code(view b, int j) {
    return b.byte(lows_at + j) | (high(b, j / 4) >> j % 4 * 3 & 7) << 8 | high(b, j / 4) >> 15 << 11;
  }
  fn expand(u32 code) { return eight_times_plus_one(iq1_grid[code & 2047], code >> 11); }
  fn value(int c) { return iq1_values[c]; }
  fn unit() { return 0.125f; }
  fn scale(view b) { return b.f16(scale_at); }
  fn sub(view b, int g) { return 2 * (high(b, g) >> 12 & 7) + 1; }
};
