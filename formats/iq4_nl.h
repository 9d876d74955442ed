// IQ4_NL: 4-bit codes into a table of 16 values, denser near zero (ggml i-quants).                 4.5 bits per weight
//
//   w = scale · iq4_values[code]
//
//   byte  0   scale   f16
//   byte  2   codes   16 bytes; weight i in the low (i < 16) or high nibble of byte i mod 16
#include "tables/iq4_values.h"
struct iq4_nl : table {
  enum { ggml_id = 20, block = 32, group = 32, code_bits = 4, block_bytes = 18 };
  enum at { scale_at = 0, codes_at = 2 };

  fn code(view b, int i) { return b.byte(codes_at + i % 16) >> (i < 16 ? 0 : 4) & 15; }
  fn value(u32 code) { return iq4_values[code]; }
  fn scale(view b) { return b.f16(scale_at); }
};
