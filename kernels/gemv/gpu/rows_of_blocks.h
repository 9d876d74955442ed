// Strategy of GPUs for formats without a resident layout, floating ones included: straight from file blocks, one warp
// per row, weight by weight along the lanes, float activations. Every format has it.
#pragma once
#include "gemv/gpu/launch.h"
#include "quant/decode.h"

template <class F> struct block_rows {
  // Σ over K of a row for N tokens, in lane order; every lane gets it.
  template <int N> fn sum(BYTES row, PARAMS(GemvLaunch) p, int first, Thread me, THREAD float (&acc)[N]) -> void {
    for (int n = 0; n < N; n++) acc[n] = 0;
    for (int k = (int)me.lane(); k < p.cols; k += warp_lanes) {
      float w = decode<F>(view{row + (i64)(k / (int)F::block) * (int)F::block_bytes}, k % (int)F::block),
            norm = p.norm ? p.norm[k] : 1.0f;
      for (int n = 0; n < N; n++) {
        i64 token = first + n < p.tokens ? first + n : p.tokens - 1;
        acc[n] = fma(w, p.x[token * p.cols + k] * norm, acc[n]);
      }
    }
    for (int n = 0; n < N; n++) acc[n] = lane_sum(acc[n]);
  }
};
