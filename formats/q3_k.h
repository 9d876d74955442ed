// Q3_K: 3-bit codes with a signed 6-bit scale per 16 weights (ggml k-quants).                   3.4375 bits per weight
//
//   w = scale · sub(g) · (code − 4),   g = i / 16
//
//   byte   0   highs   32 bytes; bit 2 of code i is bit i / 32 of byte i mod 32
//   byte  32   lows    64 bytes; each run of 128 weights takes 32 bytes: quarter q (32 weights) in bits 2q and 2q+1
//   byte  96   subs    12 bytes: sub + 32 of 16 groups, 6 bits each. Low 4 bits in the low (g < 8) or high nibble of
//                      byte g mod 8; upper 2 bits in bits 2(g / 4) and above of byte 8 + g mod 4
//   byte 108   scale   f16
struct q3_k : affine {
  enum { ggml_id = 11, block = 256, group = 16, code_bits = 3, zero = 4, block_bytes = 110 };
  enum { lowest_sub = -32, highest_sub = 31 };
  enum at { highs_at = 0, lows_at = 32, subs_at = 96, scale_at = 108 };

  fn low(view b, int i) { return b.byte(lows_at + i / 128 * 32 + i % 32) >> i / 32 % 4 * 2 & 3; }
  fn high(view b, int i) { return b.byte(highs_at + i % 32) >> i / 32 & 1; }
  fn code(view b, int i) { return low(b, i) | high(b, i) << 2; }
  fn scale(view b) { return b.f16(scale_at); }
  fn sub(view b, int g) {
    u32 low = b.byte(subs_at + g % 8) >> g / 8 * 4 & 15, high = b.byte(subs_at + 8 + g % 4) >> g / 4 * 2 & 3;
    return (int)(low | high << 4) - 32;
  }
};
