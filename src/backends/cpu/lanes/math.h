// Functions of 16 floats, in the words of the lane vocabulary only, so that every machine rounds alike.
#pragma once

// e^x, relative error below 2e-7; 0 below −87.3, inf never: x is clamped to 88. NaN stays NaN: it is the second
// argument of each `larger`. Cody–Waite reduction x = n ln 2 + r, then the Taylor polynomial of e^r to r^6 on |r| ≤ ln
// 2 / 2.
fn exponential(wide x) {
  wide shift = wide_splat(12582912.0f);  // 1.5 · 2^23: adding it leaves round(x) in the low bits
  wide floor = wide_splat(-87.33654f);
  wide clamped = minus(wide_splat(0.0f), larger(wide_splat(-88.0f), minus(wide_splat(0.0f), larger(floor, x))));
  wide shifted = fma(clamped, wide_splat(1.44269504f), shift);
  wide n = minus(shifted, shift);
  wide r = fma(n, wide_splat(-0.693145752f), clamped);
  r = fma(n, wide_splat(-1.42860677e-6f), r);
  wide p = wide_splat(1.0f / 720);
  p = fma(p, r, wide_splat(1.0f / 120));
  p = fma(p, r, wide_splat(1.0f / 24));
  p = fma(p, r, wide_splat(1.0f / 6));
  p = fma(p, r, wide_splat(0.5f));
  p = fma(p, r, wide_splat(1.0f));
  p = fma(p, r, wide_splat(1.0f));
  return times(p, power_of_two(shifted));
}
