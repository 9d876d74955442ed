// Matrix kernels written by hand, for one token: what the composed ones of kernels/gemv are held against. Each is one
// function of intrinsics that knows one format on one instruction set, reads the same resident layout
// (kernels/quant/resident.h) and sums in the same order (kernels/gemv/params.h), so its results are the composed
// kernel's bit for bit. Only bench_yardstick calls them.
#pragma once
#include <cstdint>

namespace ingot::yardstick {

/// One token times `groups` row groups, a multiple of four, of `cols` weights a row.
struct Call {
  const uint8_t* tiles;
  int64_t cols, groups;
  const int8_t* codes;  // (cols)
  const float* scales;  // (cols / 32)
  const int16_t* sums;  // (cols / 16)
  float scale;
  float* y;  // (groups · rows of a group)
};

void q4_0_avx512(const Call&);
void q8_0_avx512(const Call&);
void q4_0_avx2(const Call&);
void q8_0_avx2(const Call&);

}  // namespace ingot::yardstick
