// The last elements of a vector whose length is not a multiple of 16, as an f32x16 padded with zeros. In the lane
// vocabulary only; nothing past the end of the vector is read or written.
#pragma once

// x[0 … n−1], n below 16.
fn load_part(const float* x, i64 n) {
  alignas(64) float all[16] = {};
  for (i64 i = 0; i < n; i++) all[i] = x[i];
  return load_f32x16(Float32{}, (const u8*)all);
}
fn store_part(float* to, f32x16 a, i64 n) -> void {
  alignas(64) float all[16];
  store_f32x16(all, a);
  for (i64 i = 0; i < n; i++) to[i] = all[i];
}
