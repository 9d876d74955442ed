// Parameters of launches of the norms on a GPU (formula: params.h). A thread group computes one token; groups past
// *rows do nothing.
#pragma once
#include "gemv/gpu/launch.h"

// Input of a projection of several tokens: x, or x · norm where there is a norm, as int8 codes, and what that norm's
// 1 / rms is.
struct PrepareLaunch {
  DEVICE const i32* rows;    // how many there are in this run
  DEVICE const float* x;     // (tokens, cols)
  DEVICE const float* norm;  // (cols) weights, or null: no norm
  DeviceActivations codes;   // K: cols; codes null: not wanted
  DEVICE float* inverse;     // (tokens); null where there is no norm
  i32 cols;                  // a multiple of 32 where codes are wanted
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

enum { prepare_warps = one_token_warps };

struct NormShared {
  float sums[prepare_warps];  // a warp's sum of squares
};
