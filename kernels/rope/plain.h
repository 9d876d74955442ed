// The rotation as a product of complex numbers in double: the reference for `rotate`.
#pragma once
#include "rope/params.h"

static inline void rope_plain(const RopeParams& p) {
  for (int i = 0; i < p.dims / 2; i++) {
    int at = p.halves ? i : 2 * i, partner = p.halves ? i + p.dims / 2 : 2 * i + 1;
    double a = p.x[at], b = p.x[partner], c = p.cosines[i], s = p.sines[i];
    p.x[at] = (float)(a * c - b * s);
    p.x[partner] = (float)(a * s + b * c);
  }
}
