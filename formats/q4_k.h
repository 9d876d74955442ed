// Q4_K: 4-bit codes with a 6-bit scale and a 6-bit minimum per 32 weights (ggml k-quants).         4.5 bits per weight
//
//   w = scale · sub(g) · code − min · sub_min(g),   g = i / 32
//
//   byte  0   scale   f16
//   byte  2   min     f16
//   byte  4   subs    12 bytes: sub and sub_min of 8 groups, 6 bits each. Groups 0–3: sub in the low 6 bits of byte g,
//                     sub_min in those of byte g+4. Groups 4–7: low 4 bits in the nibbles of byte g+4, upper 2 bits in
//                     the tops of bytes g−4 (sub) and g (sub_min)
//   byte 16   codes   128 bytes; each run of 64 weights takes 32 bytes: first half in low nibbles, second in high
struct q4_k : affine {
  enum { ggml_id = 12, block = 256, group = 32, code_bits = 4, block_bytes = 144 };
  enum at { scale_at = 0, min_at = 2, subs_at = 4, codes_at = 16 };

  fn code(view b, int i) { return b.byte(codes_at + i / 64 * 32 + i % 32) >> i / 32 % 2 * 4 & 15; }
  fn scale(view b) { return b.f16(scale_at); }
  fn sub(view b, int g) {
    return g < 4 ? b.byte(subs_at + g) & 63 : (b.byte(subs_at + g + 4) & 15) | b.byte(subs_at + g - 4) >> 6 << 4;
  }
  fn min(view b) { return -b.f16(min_at); }
  fn sub_min(view b, int g) {
    return g < 4 ? b.byte(subs_at + g + 4) & 63 : b.byte(subs_at + g + 4) >> 4 | b.byte(subs_at + g) >> 6 << 4;
  }
};
