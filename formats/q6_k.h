// Q6_K: 6-bit codes with a signed 8-bit scale per 16 weights (ggml k-quants).                   6.5625 bits per weight
//
//   w = scale · sub(g) · (code − 32),   g = i / 16
//
//   byte   0   lows    128 bytes; each run of 128 weights takes 64 bytes: first half in low nibbles, second in high
//   byte 128   highs   64 bytes; each run of 128 weights takes 32 bytes: quarter q (32 weights) in bits 2q and 2q+1
//   byte 192   subs    16 signed bytes
//   byte 208   scale   f16
struct q6_k : affine {
  enum { ggml_id = 14, block = 256, group = 16, code_bits = 6, zero = 32, block_bytes = 210 };
  enum at { lows_at = 0, highs_at = 128, subs_at = 192, scale_at = 208 };

  fn low(view b, int i) { return b.byte(lows_at + i / 128 * 64 + i % 64) >> i / 64 % 2 * 4 & 15; }
  fn high(view b, int i) { return b.byte(highs_at + i / 128 * 32 + i % 32) >> i / 32 % 4 * 2 & 3; }
  fn code(view b, int i) { return low(b, i) | high(b, i) << 4; }
  fn scale(view b) { return b.f16(scale_at); }
  fn sub(view b, int g) { return b.signed_byte(subs_at + g); }
};
