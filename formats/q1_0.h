// Q1_0: one bit per weight, its sign (ggml).                                                     1.125 bits per weight
//
//   w = ±scale: −scale for code 0, scale for code 1
//
//   byte  0   scale   f16
//   byte  2   codes   16 bytes; weight i in bit i mod 8 of byte i / 8
struct q1_0 : table {
  enum { ggml_id = 41, block = 128, group = 128, code_bits = 1, block_bytes = 18 };
  enum at { scale_at = 0, codes_at = 2 };

  fn code(view b, int i) { return b.byte(codes_at + i / 8) >> i % 8 & 1; }
  fn value(u32 code) { return 2 * (int)code - 1; }
  fn scale(view b) { return b.f16(scale_at); }
};
