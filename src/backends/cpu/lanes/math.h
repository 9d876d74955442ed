// Functions of 16 floats, in the lane vocabulary only, so that every machine rounds alike.
#pragma once

// e^x, relative error below 2e-7; 0 below −87.3, inf never: x is clamped to 88. NaN stays NaN: it is the second
// argument of each `max`. Cody–Waite reduction x = n ln 2 + r, then the Taylor polynomial of e^r to r^6 on |r| ≤ ln
// 2 / 2.
fn exponential(f32x16 x) {
  f32x16 shift = broadcast_f32x16(12582912.0f);  // 1.5 · 2^23: adding it leaves round(x) in the low bits
  f32x16 floor = broadcast_f32x16(-87.33654f);
  f32x16 clamped =
      sub(broadcast_f32x16(0.0f), max(broadcast_f32x16(-88.0f), sub(broadcast_f32x16(0.0f), max(floor, x))));
  f32x16 shifted = fma(clamped, broadcast_f32x16(1.44269504f), shift);
  f32x16 n = sub(shifted, shift);
  f32x16 r = fma(n, broadcast_f32x16(-0.693145752f), clamped);
  r = fma(n, broadcast_f32x16(-1.42860677e-6f), r);
  f32x16 p = broadcast_f32x16(1.0f / 720);
  p = fma(p, r, broadcast_f32x16(1.0f / 120));
  p = fma(p, r, broadcast_f32x16(1.0f / 24));
  p = fma(p, r, broadcast_f32x16(1.0f / 6));
  p = fma(p, r, broadcast_f32x16(0.5f));
  p = fma(p, r, broadcast_f32x16(1.0f));
  p = fma(p, r, broadcast_f32x16(1.0f));
  return mul(p, power_of_two(shifted));
}
