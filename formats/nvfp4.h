// NVFP4: 4-bit floats (e2m1) under an e4m3 scale per 16 weights (NVIDIA); four groups per block.    4.5 bits per weight
//
//   w = scale(g) · e2m1(code),   g = i / 16;  a whole tensor may carry one more factor (tensor_scale)
//   Scale byte 127 (NaN) is 0; the top bit of a scale byte is ignored, but 255 is 480, as in ggml.
//
//   byte  0   scales  4 × unsigned e4m3
//   byte  4   codes   32 bytes; group g in bytes 8g…8g+7, weight j of it in the low (j < 8) or high nibble of byte
//                     j mod 8
#include "tables/e2m1_doubled.h"
struct nvfp4 : table {
  enum { ggml_id = 40, block = 64, group = 16, code_bits = 4, block_bytes = 36, tensor_scale = 1 };
  enum at { scales_at = 0, codes_at = 4 };

  fn code(view b, int i) { return b.byte(codes_at + i / 16 * 8 + i % 8) >> i / 8 % 2 * 4 & 15; }
  fn value(u32 code) { return e2m1_doubled[code]; }
  fn scale(view b, int g) { return b.ue4m3_half(scales_at + g); }
};
