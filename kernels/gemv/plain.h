// The op itself, for one row and one token: the twin that every strategy is compared with, bit for bit. It adds in the order
// that params.h states, weight by weight, from the format's accessors.
#pragma once

// Adds the parts of a chunk to `acc`: each by its own scale, or together where they share one. `scale(h)`: of the part that
// begins at weight h of the chunk.
template <class Scale> fn add_parts(float& acc, const i64* parts, int step, bool each, float x_scale, Scale scale) -> void {
  if (each) {
    for (int h = 0; h < 32; h += step) acc = __builtin_fmaf((float)parts[h / step], scale(h) * x_scale, acc);
  } else {
    acc = __builtin_fmaf((float)(parts[0] + parts[1]), scale(0) * x_scale, acc);
  }
}

// `row`: bytes of the row in its file layout; x as one token of Activations (pointers at that token).
template <class F> fn gemv_plain(const u8* row, i64 cols, const i8* x, const float* x_scales) {
  float acc = 0;
  for (i64 k = 0; k < cols; k += 32) {
    view b{row + k / F::block * F::block_bytes};
    int step = (int)F::group < 32 ? 16 : 32, first = int(k % F::block);
    i64 values[2] = {}, minima[2] = {};
    for (int i = 0; i < 32; i++) {
      int g = (first + i) / (int)F::group;
      values[i / step] += (i64)integer_of<F>(b, first + i) * x[k + i] * sub_of<F>(b, g);
      minima[i / step] += (i64)x[k + i] * sub_min_of<F>(b, g);
    }
    add_parts(acc, values, step, has_group_scale<F>::value, x_scales[k / 32], [&](int h) { return unit_of<F>() * (float)scale_of<F>(b, (first + h) / (int)F::group); });
    if (facts<F>::min) add_parts(acc, minima, step, has_group_min<F>::value, x_scales[k / 32], [&](int h) { return (float)min_of<F>(b, (first + h) / (int)F::group); });
  }
  return acc;
}
