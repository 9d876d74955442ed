// The op itself, for one row and one token: the twin that every strategy is compared with, bit for bit. It adds in the order
// that params.h states, weight by weight, from the format's accessors.
#pragma once

// `row`: bytes of the row in its file layout; x as one token of Activations (pointers at that token).
template <class F> fn gemv_plain(const u8* row, i64 cols, const i8* x, const float* x_scales) {
  float acc = 0;
  for (i64 k = 0; k < cols; k += 32) {
    view b{row + k / F::block * F::block_bytes};
    int step = (int)F::group < 32 ? 16 : 32, first = int(k % F::block);
    i64 value = 0, minimum = 0;
    for (int h = 0; h < 32; h += step) {
      int g = (first + h) / (int)F::group;
      i64 dot = 0, total = 0;
      for (int i = h; i < h + step; i++) {
        dot += (i64)integer_of<F>(b, first + i) * x[k + i];
        total += x[k + i];
      }
      value += dot * sub_of<F>(b, g);
      minimum += total * sub_min_of<F>(b, g);
      bool last = h + step == 32;
      if (has_group_scale<F>::value || last) {
        acc = __builtin_fmaf((float)value, unit_of<F>() * (float)scale_of<F>(b, g) * x_scales[k / 32], acc);
        value = 0;
      }
    }
    if (facts<F>::min) acc = __builtin_fmaf((float)minimum, (float)min_of<F>(b, first / (int)F::group) * x_scales[k / 32], acc);
  }
  return acc;
}
