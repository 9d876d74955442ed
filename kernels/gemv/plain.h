// The op itself, for one row and one token: the reference for every strategy, bit for bit. It adds in the order of
// params.h, weight by weight, from the format's accessors.
#pragma once
#include "gemv/runs.h"
#include "quant/decode.h"
#include "quant/facts.h"

// Over the columns begin … end − 1, multiples of 32. `row`: bytes of the row in its file layout; x as one token of
// Activations (pointers at that token).
template <class F> fn gemv_plain_run(const u8* row, i64 begin, i64 end, const i8* x, const float* x_scales) {
  float acc = 0;
  for (i64 k = begin; k < end; k += 32) {
    view b{row + k / F::block * F::block_bytes};
    int step = (int)F::group < 32 ? 16 : 32, first = int(k % F::block), weighted = 0;
    bool together = step == 16 && !has_group_scale<F>::value;
    float x_scale = x_scales[k / 32];
    i64 values[2] = {}, inputs[2] = {};
    for (int i = 0; i < 32; i++) {
      values[i / step] += (i64)integer_of<F>(b, first + i) * x[k + i];
      inputs[i / step] += x[k + i];
    }
    for (int h = 0; h < 32; h += step) {
      int g = (first + h) / (int)F::group;
      float scale = unit_of<F>() * (float)scale_of<F>(b, g);
      weighted += (int)values[h / step] * sub_of<F>(b, g);
      if (!together)
        acc = __builtin_fmaf((float)values[h / step], scale * (float)sub_of<F>(b, g) * x_scale, acc);
      else if (h == 16)
        acc = __builtin_fmaf((float)weighted, scale * x_scale, acc);
    }
    for (int h = 0; h < 32 && facts<F>::min; h += step) {
      int g = (first + h) / (int)F::group;
      acc = __builtin_fmaf((float)min_of<F>(b, g) * (float)sub_min_of<F>(b, g), (float)inputs[h / step] * x_scale, acc);
    }
  }
  return acc;
}
template <class F> fn gemv_plain(const u8* row, i64 cols, const i8* x, const float* x_scales) {
  return gemv_plain_run<F>(row, 0, cols, x, x_scales);
}
// As GPUs add (runs.h).
template <class F> fn gemv_plain_in_runs(const u8* row, i64 cols, const i8* x, const float* x_scales) {
  i64 run = 32 * (i64)run_chunks((int)(cols / 32));
  float y = 0;
  for (i64 k = 0; k < cols; k += run) y += gemv_plain_run<F>(row, k, k + run < cols ? k + run : cols, x, x_scales);
  return y;
}
