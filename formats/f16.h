// F16: IEEE half precision, one number per weight.                                                  16 bits per weight
//
//   byte  0   value   f16
struct f16 : floating {
  enum { ggml_id = 1, block = 1, group = 1, code_bits = 16, block_bytes = 2 };

  fn value(view b, int) { return b.f16(0); }
};
