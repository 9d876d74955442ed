// IQ2_XXS: 8 magnitudes per codeword, 7 stored signs (ggml i-quants).                           2.0625 bits per weight
//
//   w = scale · (s(g) + 1/2) / 4 · ±grid[index] = 1/8 · scale · sub(g) · ±grid[index],   sub = 2s + 1,   g = i / 32
//   The eighth sign makes the number of minus signs in a run even.
//
//   byte  0   scale   f16
//   byte  2   groups  8 × 8 bytes: 4 bytes with the indices of 4 runs, then a u32 with their signs (7 bits each, first
//                     run lowest) and s in bits 28–31
//   code: index in bits 0–7, 7 signs in bits 8–14
#include "tables/iq2_xxs_grid.h"
#include "tables/eight_bytes.h"
#include "tables/iq2_values.h"
struct iq2_xxs : vector {
  enum { ggml_id = 16, block = 256, group = 32, code_bits = 15, block_bytes = 66, values = 6 };
  enum at { scale_at = 0, groups_at = 2 };

  fn index(view b, int j) { return b.byte(groups_at + j / 4 * 8 + j % 4); }
  fn signs(view b, int g) { return b.word32(groups_at + g * 8 + 4); }
  fn code(view b, int j) { return index(b, j) | (signs(b, j / 4) >> j % 4 * 7 & 127) << 8; }
  fn expand(u32 code) { return with_signs(iq2_xxs_grid[code & 255], even_signs(code >> 8)); }
  fn value(int c) { return iq2_values[c]; }
  fn unit() { return 0.125f; }
  fn scale(view b) { return b.f16(scale_at); }
  fn sub(view b, int g) { return 2 * (signs(b, g) >> 28) + 1; }
};
