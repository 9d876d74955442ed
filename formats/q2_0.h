// Q2_0: two bits per weight: −1, 0, 1 and 2 (ggml).                                               2.25 bits per weight
//
//   w = scale · (code − 1)
//
//   byte  0   scale   f16
//   byte  2   codes   16 bytes; weight i in bits 2(i mod 4) and above of byte i / 4
struct q2_0 : affine {
  enum { ggml_id = 42, block = 64, group = 64, code_bits = 2, zero = 1, block_bytes = 18 };
  enum at { scale_at = 0, codes_at = 2 };

  fn code(view b, int i) { return b.byte(codes_at + i / 4) >> i % 4 * 2 & 3; }
  fn scale(view b) { return b.f16(scale_at); }
};
