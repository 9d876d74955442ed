// IQ4_XS: the 16 values of IQ4_NL with a signed 6-bit scale per 32 weights (ggml i-quants).       4.25 bits per weight
//
//   w = scale · sub(g) · iq4_values[code],   g = i / 32
//
//   byte  0   scale     f16
//   byte  2   sub_highs u16; upper 2 bits of sub + 32 of group g in bits 2g and 2g+1
//   byte  4   sub_lows  4 bytes; low 4 bits of it in the low (g even) or high nibble of byte g / 2
//   byte  8   codes     128 bytes, 16 per group; weight j of the group in the low (j < 16) or high nibble of byte
//                       j mod 16
#include "tables/iq4_values.h"
struct iq4_xs : table {
  enum { ggml_id = 23, block = 256, group = 32, code_bits = 4, block_bytes = 136 };
  enum at { scale_at = 0, sub_highs_at = 2, sub_lows_at = 4, codes_at = 8 };

  fn code(view b, int i) { return b.byte(codes_at + i / 32 * 16 + i % 16) >> i / 16 % 2 * 4 & 15; }
  fn value(u32 code) { return iq4_values[code]; }
  fn scale(view b) { return b.f16(scale_at); }
  fn sub(view b, int g) {
    u32 low = b.byte(sub_lows_at + g / 2) >> g % 2 * 4 & 15, high = b.word16(sub_highs_at) >> g * 2 & 3;
    return (int)(low | high << 4) - 32;
  }
};
