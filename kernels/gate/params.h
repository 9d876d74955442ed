// The gate of a feed-forward block:  y[i] = activation(gate[i]) · up[i]        (Shazeer 2020)
#pragma once

struct GateParams {
  const float* gate;  // (n)
  const float* up;    // (n)
  int n;              // a multiple of 16
  float* y;           // (n); may be gate
};
