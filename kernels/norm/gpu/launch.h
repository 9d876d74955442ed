// Parameters of launches of the norms on a GPU (formula: params.h). A thread group computes one token; groups past
// *rows do nothing.
#pragma once
#include "gemv/gpu/launch.h"

// Input of a projection of several tokens: x, normed where there is a norm, as int8 codes and as floats.
struct PrepareLaunch {
  DEVICE const i32* rows;    // how many there are in this run
  DEVICE const float* x;     // (tokens, cols)
  DEVICE const float* norm;  // (cols) weights, or null: no norm
  DeviceActivations codes;   // K: cols; codes null: not written
  DEVICE float* values;      // (tokens, cols), may be x; null: not written
  i32 cols;                  // a multiple of 32 where codes are written
  float epsilon;
};

//   residual += norm(block)
struct NormAddLaunch {
  DEVICE const i32* rows;     // how many there are in this run
  DEVICE const float* block;  // (tokens, cols)
  DEVICE const float* norm;   // (cols) weights
  DEVICE float* residual;     // (tokens, cols)
  i32 cols;
  float epsilon;
};

struct NormShared {
  float sums[split_warps];  // a warp's sum of squares
};
