// IQ3_S: 4 magnitudes per codeword of a larger grid, 8 signs for two of them (ggml i-quants).   3.4375 bits per weight
//
//   w = scale · sub(g) · ±grid[index],   sub = 2s + 1,   g = i / 32
//
//   byte   0   scale   f16
//   byte   2   lows    64 bytes; low 8 bits of index n in byte n; run j has its first 4 weights at index 2j, the
//                      others at 2j+1
//   byte  66   highs   8 bytes; bit 8 of index n is bit n mod 8 of byte n / 8
//   byte  74   signs   32 bytes; bit k of byte j: minus sign of weight k of run j
//   byte 106   subs    4 bytes; s of group g in the low (g even) or high nibble of byte g / 2
//   code: indices in bits 0–8 and 9–17, signs in bits 18–25
#include "tables/iq3_s_grid.h"
#include "tables/eight_bytes.h"
struct iq3_s : vector {
  enum { ggml_id = 21, block = 256, group = 32, code_bits = 26, block_bytes = 110, values = 16 };
  enum at { scale_at = 0, lows_at = 2, highs_at = 66, signs_at = 74, subs_at = 106 };

  fn index(view b, int n) { return b.byte(lows_at + n) | (b.byte(highs_at + n / 8) >> n % 8 & 1) << 8; }
  fn code(view b, int j) { return index(b, 2 * j) | index(b, 2 * j + 1) << 9 | b.byte(signs_at + j) << 18; }
  fn expand(u32 code) { return with_signs(halves(iq3_s_grid[code & 511], iq3_s_grid[code >> 9 & 511]), code >> 18); }
  fn value(int c) { return 2 * c - 15; }
  fn scale(view b) { return b.f16(scale_at); }
  fn sub(view b, int g) { return 2 * (b.byte(subs_at + g / 2) >> g % 2 * 4 & 15) + 1; }
};
