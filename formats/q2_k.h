// Q2_K: 2-bit codes with a 4-bit scale and a 4-bit minimum per 16 weights (ggml k-quants).       2.625 bits per weight
//
//   w = scale · sub(g) · code − min · sub_min(g),   g = i / 16
//
//   byte  0   subs    16 bytes; group g in byte g: sub in the low nibble, sub_min in the high
//   byte 16   codes   64 bytes; each run of 128 weights takes 32 bytes: quarter q (32 weights) in bits 2q and 2q+1
//   byte 80   scale   f16
//   byte 82   min     f16
struct q2_k : affine {
  enum { ggml_id = 10, block = 256, group = 16, code_bits = 2, lowest_sub = 0, highest_sub = 15, block_bytes = 84 };
  enum at { subs_at = 0, codes_at = 16, scale_at = 80, min_at = 82 };

  fn code(view b, int i) { return b.byte(codes_at + i / 128 * 32 + i % 32) >> i / 32 % 4 * 2 & 3; }
  fn scale(view b) { return b.f16(scale_at); }
  fn sub(view b, int g) { return b.byte(subs_at + g) & 15; }
  fn min(view b) { return -b.f16(min_at); }
  fn sub_min(view b, int g) { return b.byte(subs_at + g) >> 4; }
};
