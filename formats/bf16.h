// BF16: the upper half of a single-precision number, one per weight (Google Brain).                 16 bits per weight
//
//   byte  0   value   bf16
struct bf16 : floating {
  enum { ggml_id = 30, block = 1, group = 1, code_bits = 16, block_bytes = 2 };

  fn value(view b, int) { return b.bf16(0); }
};
