// IQ2_XS: 8 magnitudes per codeword of a larger grid, 7 stored signs (ggml i-quants).           2.3125 bits per weight
//
//   w = scale · (s(g) + 1/2) / 4 · ±grid[index] = 1/8 · scale · sub(g) · ±grid[index],   sub = 2s + 1,   g = i / 16
//   The eighth sign makes the number of minus signs in a run even.
//
//   byte  0   scale   f16
//   byte  2   codes   32 × u16, one a run: index in bits 0–8, 7 signs in bits 9–15
//   byte 66   subs    8 bytes; s of group g in the low (g even) or high nibble of byte g / 2
#include "tables/iq2_xs_grid.h"
#include "tables/eight_bytes.h"
#include "tables/iq2_values.h"
struct iq2_xs : vector {
  enum { ggml_id = 17, block = 256, group = 16, code_bits = 16, block_bytes = 74, values = 6 };
  enum at { scale_at = 0, codes_at = 2, subs_at = 66 };

  fn code(view b, int j) { return b.word16(codes_at + 2 * j); }
  fn expand(u32 code) { return with_signs(iq2_xs_grid[code & 511], even_signs(code >> 9)); }
  fn value(int c) { return iq2_values[c]; }
  fn unit() { return 0.125f; }
  fn scale(view b) { return b.f16(scale_at); }
  fn sub(view b, int g) { return 2 * (b.byte(subs_at + g / 2) >> g % 2 * 4 & 15) + 1; }
};
