// What launches of the norm and of quantize-in are given on a GPU: a thread group a token.
#pragma once

// codes of x, or of x normed.
struct PrepareLaunch {
  DEVICE const float* x;     // (tokens, cols)
  DEVICE const float* norm;  // (cols) or null: no norm
  DeviceActivations out;     // (tokens, cols)
  i32 cols;
  float epsilon;
};

// residual += norm(block)
struct NormAddLaunch {
  DEVICE const float* block;  // (tokens, cols)
  DEVICE const float* norm;   // (cols)
  DEVICE float* residual;     // (tokens, cols)
  i32 cols;
  float epsilon;
};
