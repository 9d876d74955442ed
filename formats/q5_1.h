// Q5_1: 5-bit codes over an added minimum (ggml).                                                    6 bits per weight
//
//   w = scale · code + min
//
//   byte  0   scale   f16
//   byte  2   min     f16
//   byte  4   highs   4 bytes; bit 4 of code i is bit i, counted from the lowest bit of the first byte
//   byte  8   lows    16 bytes; bits 0–3 of code i in the low (i < 16) or high nibble of byte i mod 16
struct q5_1 : affine {
  enum { ggml_id = 7, block = 32, group = 32, code_bits = 5, block_bytes = 24 };
  enum at { scale_at = 0, min_at = 2, highs_at = 4, lows_at = 8 };

  fn low(view b, int i) { return b.byte(lows_at + i % 16) >> (i < 16 ? 0 : 4) & 15; }
  fn high(view b, int i) { return b.byte(highs_at + i / 8) >> i % 8 & 1; }
  fn code(view b, int i) { return low(b, i) | high(b, i) << 4; }
  fn scale(view b) { return b.f16(scale_at); }
  fn min(view b) { return b.f16(min_at); }
};
