// TQ2_0: ternary weights, two bits each (ggml).                                                 2.0625 bits per weight
//
//   w = scale · (code − 1);   code 3, which other encoders do not write, is 2
//
//   byte  0   codes   64 bytes; each run of 128 weights takes 32 bytes: quarter q (32 weights) in bits 2q and 2q+1
//   byte 64   scale   f16
struct tq2_0 : affine {
  enum { ggml_id = 35, block = 256, group = 256, code_bits = 2, zero = 1, block_bytes = 66 };
  enum at { codes_at = 0, scale_at = 64 };

  fn code(view b, int i) { return b.byte(codes_at + i / 128 * 32 + i % 32) >> i / 32 % 4 * 2 & 3; }
  fn scale(view b) { return b.f16(scale_at); }
};
