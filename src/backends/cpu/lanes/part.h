// The last elements of a vector whose length is no multiple of 16, as a wide with zeros behind them. In the words of
// the lane vocabulary only; nothing beyond the vector is read or written.
#pragma once

// x[0 … n−1], n below 16.
fn load_part(const float* x, i64 n) {
  alignas(64) float all[16] = {};
  for (i64 i = 0; i < n; i++) all[i] = x[i];
  return load_wide(Float32{}, (const u8*)all);
}
fn store_part(float* to, wide a, i64 n) -> void {
  alignas(64) float all[16];
  store_wide(all, a);
  for (i64 i = 0; i < n; i++) to[i] = all[i];
}
