// Q5_0: 5-bit codes, symmetric about 16 (ggml).                                                    5.5 bits per weight
//
//   w = scale · (code − 16)
//
//   byte  0   scale   f16
//   byte  2   highs   4 bytes; bit 4 of code i is bit i, counted from the lowest bit of the first byte
//   byte  6   lows    16 bytes; bits 0–3 of code i in the low (i < 16) or high nibble of byte i mod 16
struct q5_0 : affine {
  enum { ggml_id = 6, block = 32, group = 32, code_bits = 5, zero = 16, block_bytes = 22 };
  enum at { scale_at = 0, highs_at = 2, lows_at = 6 };

  fn low(view b, int i) { return b.byte(lows_at + i % 16) >> (i < 16 ? 0 : 4) & 15; }
  fn high(view b, int i) { return b.byte(highs_at + i / 8) >> i % 8 & 1; }
  fn code(view b, int i) { return low(b, i) | high(b, i) << 4; }
  fn scale(view b) { return b.f16(scale_at); }
};
