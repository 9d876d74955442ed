// Q4_0: ggml's first 4-bit format.                                                                 4.5 bits per weight
//
//   w = scale · (code − 8)
//
//   byte  0   scale   f16
//   byte  2   codes   16 bytes; weight i in the low (i < 16) or high nibble of byte i mod 16
struct q4_0 : affine {
  enum { ggml_id = 2, block = 32, group = 32, code_bits = 4, zero = 8, block_bytes = 18 };
  enum at { scale_at = 0, codes_at = 2 };

  fn code(view b, int i) { return b.byte(codes_at + i % 16) >> (i < 16 ? 0 : 4) & 15; }
  fn scale(view b) { return b.f16(scale_at); }
};
