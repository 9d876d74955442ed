// TQ1_0: ternary weights, five to a byte (ggml).                                                1.6875 bits per weight
//
//   w = scale · (code − 1),   code 0, 1 or 2
//
//   byte  0   trits   52 bytes; trit n of a byte is floor(3 · (byte · 3ⁿ mod 256) / 256): the byte is a fraction of 256
//                     whose base-3 digits are the codes, first digit first.
//                     Weights 0–159: trit i / 32 of byte i mod 32; 160–239: trit i / 16 − 10 of byte 32 + i mod 16;
//                     240–255: trit i / 4 − 60 of byte 48 + i mod 4
//   byte 52   scale   f16
#include "tables/powers_of_three.h"
struct tq1_0 : affine {
  enum { ggml_id = 34, block = 256, group = 256, code_bits = 2, zero = 1, block_bytes = 54 };
  enum at { trits_at = 0, scale_at = 52 };

  fn trit(u32 byte, int n) { return (byte * powers_of_three[n] & 255) * 3 >> 8; }
  fn code(view b, int i) {
    return i < 160   ? trit(b.byte(trits_at + i % 32), i / 32)
           : i < 240 ? trit(b.byte(trits_at + 32 + i % 16), i / 16 - 10)
                     : trit(b.byte(trits_at + 48 + i % 4), i / 4 - 60);
  }
  fn scale(view b) { return b.f16(scale_at); }
};
