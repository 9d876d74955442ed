// The norm in double: the reference for rms_norm.
#pragma once
#include "norm/params.h"

static inline void norm_plain(const NormParams& p) {
  double squares = 0;
  for (int i = 0; i < p.n; i++) squares += (double)p.x[i] * p.x[i];
  double inverse = 1 / __builtin_sqrt(squares / p.n + p.epsilon);
  for (int i = 0; i < p.n; i++) p.y[i] = (float)(p.x[i] * inverse * (p.weight ? p.weight[i] : 1.0f));
}
