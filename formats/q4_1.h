// Q4_1: 4-bit codes over an added minimum (ggml).                                                    5 bits per weight
//
//   w = scale · code + min
//
//   byte  0   scale   f16
//   byte  2   min     f16
//   byte  4   codes   16 bytes; weight i in the low (i < 16) or high nibble of byte i mod 16
struct q4_1 : affine {
  enum { ggml_id = 3, block = 32, group = 32, code_bits = 4, block_bytes = 20 };
  enum at { scale_at = 0, min_at = 2, codes_at = 4 };

  fn code(view b, int i) { return b.byte(codes_at + i % 16) >> (i < 16 ? 0 : 4) & 15; }
  fn scale(view b) { return b.f16(scale_at); }
  fn min(view b) { return b.f16(min_at); }
};
