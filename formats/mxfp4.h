// MXFP4: 4-bit floats (e2m1) under a power of two per 32 weights (OCP Microscaling v1.0).         4.25 bits per weight
//
//   w = 2^(exponent − 127) · e2m1(code)
//   Exponent byte 255, NaN in the OCP specification, is 2^128 here, as in ggml: codes of ±1 and more become infinite.
//
//   byte  0   scale   exponent byte (e8m0)
//   byte  1   codes   16 bytes; weight i in the low (i < 16) or high nibble of byte i mod 16
#include "tables/e2m1_doubled.h"
struct mxfp4 : table {
  enum { ggml_id = 39, block = 32, group = 32, code_bits = 4, block_bytes = 17 };
  enum at { scale_at = 0, codes_at = 1 };

  fn code(view b, int i) { return b.byte(codes_at + i % 16) >> (i < 16 ? 0 : 4) & 15; }
  fn value(u32 code) { return e2m1_doubled[code]; }
  fn scale(view b) { return b.e8m0_half(scale_at); }
};
