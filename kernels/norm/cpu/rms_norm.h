// Strategy: one vector in 16 running sums, of any length. It is also the norm-in stage of a projection: every worker
// computes the norm of the vectors that it uses instead of waiting for another one's.
#pragma once
#include "norm/params.h"

fn rms_norm(const NormParams& p) -> void {
  f32x16 squares = broadcast_f32x16(0.0f);
  int whole = p.n / 16 * 16, left = p.n - whole;
  for (int i = 0; i < whole; i += 16) {
    f32x16 x = load_f32x16(Float32{}, (const u8*)(p.x + i));
    squares = fma(x, x, squares);
  }
  if (left > 0) {
    f32x16 x = load_part(p.x + whole, left);
    squares = fma(x, x, squares);
  }
  float mean = reduce_sum(squares) / (float)p.n + p.epsilon;
  f32x16 inverse = broadcast_f32x16(1.0f / __builtin_sqrtf(mean) +
                                    mean * 0.0f);  // NaN, not 0, where the squares leave the range of floats
  for (int i = 0; i < whole; i += 16) {
    f32x16 y = mul(load_f32x16(Float32{}, (const u8*)(p.x + i)), inverse);
    if (p.weight) y = mul(y, load_f32x16(Float32{}, (const u8*)(p.weight + i)));
    store_f32x16(p.y + i, y);
  }
  if (left > 0) {
    f32x16 y = mul(load_part(p.x + whole, left), inverse);
    if (p.weight) y = mul(y, load_part(p.weight + whole, left));
    store_part(p.y + whole, y, left);
  }
}
