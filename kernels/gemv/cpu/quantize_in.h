// First stage of a projection on integers: float inputs become int8 codes. Runs where the input is used, after norm-in.
#pragma once

// Int8 codes per 32 values: scale = max |x| / 127, code = x / scale rounded to the nearest. Sums are of codes, not of
// x: with the float sum a minimum's error would be 2.3–2.6 times as large.
fn quantize_activations(const float* x, int n, i8* codes, float* scales, i16* sums) -> void {
  for (int i = 0; i < n; i += 32) {
    f32x16 a = load_f32x16(Float32{}, (const u8*)(x + i)), b = load_f32x16(Float32{}, (const u8*)(x + i + 16));
    float max_abs = reduce_max(max(abs(a), abs(b)));
    // NaN if any value is not finite.
    float non_finite = reduce_sum(add(mul(a, broadcast_f32x16(0.0f)), mul(b, broadcast_f32x16(0.0f))));
    // Then all codes are 0; the scale propagates a NaN, and is 0 where max_abs is too small to divide by.
    if (non_finite != 0.0f || max_abs < 1e-30f) {
      f32x16 zero = broadcast_f32x16(0.0f);
      scales[i / 32] = non_finite;
      sums[i / 16] = (i16)store_codes(codes + i, zero);
      sums[i / 16 + 1] = (i16)store_codes(codes + i + 16, zero);
      continue;
    }
    f32x16 inverse = broadcast_f32x16(127.0f / max_abs);
    scales[i / 32] = max_abs / 127.0f;
    sums[i / 16] = (i16)store_codes(codes + i, mul(a, inverse));
    sums[i / 16 + 1] = (i16)store_codes(codes + i + 16, mul(b, inverse));
  }
}
