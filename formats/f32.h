// F32: IEEE single precision, one number per weight.                                                32 bits per weight
//
//   byte  0   value   f32
struct f32 : floating {
  enum { ggml_id = 0, block = 1, group = 1, code_bits = 32, block_bytes = 4 };

  fn value(view b, int) { return b.f32(0); }
};
