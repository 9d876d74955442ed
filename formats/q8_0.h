// Q8_0: signed bytes under one scale (ggml).                                                       8.5 bits per weight
//
//   w = scale · (code − 128)
//
//   byte  0   scale   f16
//   byte  2   codes   32 signed bytes in weight order. A signed byte is its unsigned code less 128: the code is the
//                     byte with its top bit flipped
struct q8_0 : affine {
  enum { ggml_id = 8, block = 32, group = 32, code_bits = 8, zero = 128, block_bytes = 34 };
  enum at { scale_at = 0, codes_at = 2 };

  fn code(view b, int i) { return b.byte(codes_at + i) ^ 128; }
  fn scale(view b) { return b.f16(scale_at); }
};
