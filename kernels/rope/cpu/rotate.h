// Strategy: pair after pair. A head is small; the compiler vectorizes both layouts.
#pragma once
#include "rope/params.h"

fn rotate(const RopeParams& p) -> void {
  int half = p.dims / 2;
  if (p.halves) {
    for (int i = 0; i < half; i++) {
      float a = p.x[i], b = p.x[i + half];
      p.x[i] = a * p.cosines[i] - b * p.sines[i];
      p.x[i + half] = a * p.sines[i] + b * p.cosines[i];
    }
  } else {
    for (int i = 0; i < half; i++) {
      float a = p.x[2 * i], b = p.x[2 * i + 1];
      p.x[2 * i] = a * p.cosines[i] - b * p.sines[i];
      p.x[2 * i + 1] = a * p.sines[i] + b * p.cosines[i];
    }
  }
}
