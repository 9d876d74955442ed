// Strategy: one vector in 16 running sums, of any length. It is also the norm-in stage in front of a projection:
// whoever uses the vector computes its norm, instead of waiting for somebody else's.
#pragma once
#include "norm/params.h"

fn rms_norm(const NormParams& p) -> void {
  wide squares = wide_splat(0.0f);
  int whole = p.n / 16 * 16, left = p.n - whole;
  for (int i = 0; i < whole; i += 16) {
    wide x = load_wide(Float32{}, (const u8*)(p.x + i));
    squares = fma(x, x, squares);
  }
  if (left > 0) {
    wide x = load_part(p.x + whole, left);
    squares = fma(x, x, squares);
  }
  float mean = sum(squares) / (float)p.n + p.epsilon;
  wide inverse = wide_splat(1.0f / __builtin_sqrtf(mean) +
                            mean * 0.0f);  // NaN, not 0, where the squares leave the range of floats
  for (int i = 0; i < whole; i += 16) {
    wide y = times(load_wide(Float32{}, (const u8*)(p.x + i)), inverse);
    if (p.weight) y = times(y, load_wide(Float32{}, (const u8*)(p.weight + i)));
    store_wide(p.y + i, y);
  }
  if (left > 0) {
    wide y = times(load_part(p.x + whole, left), inverse);
    if (p.weight) y = times(y, load_part(p.weight + whole, left));
    store_part(p.y + whole, y, left);
  }
}
