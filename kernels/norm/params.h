// Root-mean-square norm:  y[i] = x[i] · weight[i] / sqrt(mean(x²) + epsilon)        (Zhang & Sennrich 2019)
#pragma once

struct NormParams {
  const float* x;       // (n)
  const float* weight;  // (n); null: all ones
  int n;
  float epsilon;
  float* y;  // (n); may be x
};
