// IQ3_XXS: 4 magnitudes per codeword, 7 stored signs for two of them (ggml i-quants).           3.0625 bits per weight
//
//   w = scale · (s(g) + 1/2) / 2 · ±grid[index] = 1/4 · scale · sub(g) · ±grid[index],   sub = 2s + 1,   g = i / 32
//   The eighth sign makes the number of minus signs in a run of 8 even.
//
//   byte  0   scale   f16
//   byte  2   indices 64 bytes; run j has its first 4 weights in byte 2j, the others in byte 2j+1
//   byte 66   signs   8 × u32, one per group: the signs of its 4 runs (7 bits each, first run lowest), s in bits 28–31
//   code: indices in bits 0–7 and 8–15, 7 signs in bits 16–22
#include "tables/iq3_xxs_grid.h"
#include "tables/eight_bytes.h"
TABLE(i8, iq3_xxs_values, 16) = {-62, -52, -44, -36, -28, -20, -12, -4, 4, 12, 20, 28, 36, 44, 52, 62};
struct iq3_xxs : vector {
  enum { ggml_id = 18, block = 256, group = 32, code_bits = 23, block_bytes = 98, values = 16 };
  enum at { scale_at = 0, indices_at = 2, signs_at = 66 };

  fn signs(view b, int g) { return b.word32(signs_at + 4 * g); }
  fn code(view b, int j) { return b.word16(indices_at + 2 * j) | (signs(b, j / 4) >> j % 4 * 7 & 127) << 16; }
  fn expand(u32 code) {
    return with_signs(halves(iq3_xxs_grid[code & 255], iq3_xxs_grid[code >> 8 & 255]), even_signs(code >> 16));
  }
  fn value(int c) { return iq3_xxs_values[c]; }
  fn unit() { return 0.25f; }
  fn scale(view b) { return b.f16(scale_at); }
  fn sub(view b, int g) { return 2 * (signs(b, g) >> 28) + 1; }
};
