// The gate in double: the reference for gate_silu and gate_gelu_tanh.
#pragma once
#include "gate/params.h"

static inline void gate_silu_plain(const GateParams& p) {
  for (int i = 0; i < p.n; i++) p.y[i] = (float)(p.gate[i] / (1 + __builtin_exp(-(double)p.gate[i])) * p.up[i]);
}

static inline void gate_gelu_tanh_plain(const GateParams& p) {
  for (int i = 0; i < p.n; i++) {
    double g = p.gate[i], u = 0.79788456080286536 * (g + 0.044715 * g * g * g);  // sqrt(2/π)
    p.y[i] = (float)(0.5 * g * (1 + __builtin_tanh(u)) * p.up[i]);
  }
}
