// IQ2_S: 8 magnitudes per codeword of the largest grid, 8 signs (ggml i-quants).                2.5625 bits per weight
//
//   w = scale · (s(g) + 1/2) / 4 · ±grid[index] = 1/8 · scale · sub(g) · ±grid[index],   sub = 2s + 1,   g = i / 16
//
//   byte  0   scale   f16
//   byte  2   lows    32 bytes; low 8 bits of the index of run j in byte j
//   byte 34   signs   32 bytes; bit k of byte j: minus sign of weight k of run j
//   byte 66   highs   8 bytes; 2 upper index bits of run j in bits 2(j mod 4) and above of byte j / 4
//   byte 74   subs    8 bytes; s of group g in the low (g even) or high nibble of byte g / 2
//   code: index in bits 0–9, signs in bits 10–17
#include "tables/iq2_s_grid.h"
#include "tables/eight_bytes.h"
#include "tables/iq2_values.h"
struct iq2_s : vector {
  enum { ggml_id = 22, block = 256, group = 16, code_bits = 18, block_bytes = 82, values = 6 };
  enum at { scale_at = 0, lows_at = 2, signs_at = 34, highs_at = 66, subs_at = 74 };

  fn index(view b, int j) { return b.byte(lows_at + j) | (b.byte(highs_at + j / 4) >> j % 4 * 2 & 3) << 8; }
  fn code(view b, int j) { return index(b, j) | b.byte(signs_at + j) << 10; }
  fn expand(u32 code) { return with_signs(iq2_s_grid[code & 1023], code >> 10); }
  fn value(int c) { return iq2_values[c]; }
  fn unit() { return 0.125f; }
  fn scale(view b) { return b.f16(scale_at); }
  fn sub(view b, int g) { return 2 * (b.byte(subs_at + g / 2) >> g % 2 * 4 & 15) + 1; }
};
