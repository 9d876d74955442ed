// Formats that nobody uses, for the corners of the contract that no format in formats/ reaches: minima by group,
// sub-minima under scales by group, 7-bit codes, 8-bit values with and without a sign, a small table. In the dialect;
// included where its words are known.
#pragma once

struct min_by_group : affine {  // groups of 16, a scale and a minimum each
  enum { block = 32, group = 16, code_bits = 4, block_bytes = 24 };
  fn code(view b, int i) { return b.byte(8 + i / 2) >> i % 2 * 4 & 15; }
  fn scale(view b, int g) { return b.f16(4 * g); }
  fn min(view b, int g) { return b.f16(4 * g + 2); }
};
struct sub_min_by_group : affine {  // float scales by group, integer factors on both
  enum { block = 64, group = 16, code_bits = 7, zero = 64, block_bytes = 4 * 4 + 8 + 64 };
  fn code(view b, int i) { return b.byte(24 + i) & 127; }
  fn scale(view b, int g) { return b.f16(4 * g); }
  fn sub(view b, int g) { return b.signed_byte(16 + g); }
  fn min(view b, int g) { return -b.f16(4 * g + 2); }
  fn sub_min(view b, int g) { return b.byte(20 + g) & 127; }
};
struct wide_groups : affine {  // two groups of 64, integer factors, one minimum
  enum { block = 128, group = 64, code_bits = 3, zero = 3, block_bytes = 8 + 128 };
  fn code(view b, int i) { return b.byte(8 + i) & 7; }
  fn scale(view b) { return b.bf16(0); }
  fn sub(view b, int g) { return b.signed_byte(4 + g); }
  fn min(view b) { return b.bf16(2); }
  fn sub_min(view b, int g) { return b.signed_byte(6 + g); }
  fn unit() { return 0.5f; }
};
struct signed_bytes : affine {
  enum { block = 32, group = 32, code_bits = 8, zero = 128, block_bytes = 36 };
  fn code(view b, int i) { return b.byte(4 + i); }
  fn scale(view b) { return b.f32(0); }
};
struct unsigned_bytes : affine {
  enum { block = 32, group = 32, code_bits = 8, block_bytes = 36 };
  fn code(view b, int i) { return b.byte(4 + i); }
  fn scale(view b) { return b.f32(0); }
};
struct eight_values : table {
  enum { block = 32, group = 16, code_bits = 3, block_bytes = 34 };
  fn code(view b, int i) { return b.byte(2 + i) & 7; }
  fn value(u32 code) { return (int)code * (int)code * 3 - 127; }
  fn scale(view b, int g) { return b.e8m0_half(g); }
};
struct large_subs : table {  // integer factors of 16 weights whose products no float holds
  enum { block = 32, group = 16, code_bits = 4, block_bytes = 20 };
  fn code(view b, int i) { return b.byte(4 + i / 2) >> i % 2 * 4 & 15; }
  fn value(u32 code) { return (int)code * 17 - 128; }
  fn scale(view b) { return b.f16(0); }
  fn sub(view b, int g) { return b.signed_byte(2 + g); }
};
struct four_values : vector {  // signs and magnitudes of runs, a scale and a minimum by group
  enum { block = 64, group = 16, code_bits = 16, block_bytes = 16 + 16, values = 4 };
  fn value(int c) { return c == 0 ? -128 : c == 1 ? -1 : c == 2 ? 0 : 127; }
  fn code(view b, int j) { return b.word16(16 + 2 * j); }
  fn expand(u32 code) {
    u64 run = 0;
    for (int k = 0; k < 8; k++)
      run |= (u64)(u8)(i8)value((int)(code >> k & 1) | (int)(code >> (8 + k) & 1) << 1) << 8 * k;
    return run;
  }
  fn scale(view b, int g) { return b.f16(4 * g); }
  fn min(view b, int g) { return b.f16(4 * g + 2); }
};
