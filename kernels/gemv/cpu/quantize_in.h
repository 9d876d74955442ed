// Stage in front of a projection on integers: float inputs become int8 codes. Runs where the input is used, after
// norm-in.
#pragma once

// Int8 codes per 32 values: scale = max |x| / 127, code = x / scale rounded to the nearest. Sums are of codes, not of
// x: with the float sum a minimum's error would be 2.3–2.6 times as large.
fn quantize_activations(const float* x, int n, i8* codes, float* scales, i16* sums) -> void {
  for (int i = 0; i < n; i += 32) {
    wide a = load_wide(Float32{}, (const u8*)(x + i)), b = load_wide(Float32{}, (const u8*)(x + i + 16));
    float most = largest(larger(magnitude(a), magnitude(b)));
    float unsound =
        sum(plus(times(a, wide_splat(0.0f)), times(b, wide_splat(0.0f))));  // NaN if any value is not finite
    if (unsound != 0.0f ||
        most < 1e-30f) {  // all codes 0; the scale carries a NaN on, and drops what is too small to divide by
      wide zero = wide_splat(0.0f);
      scales[i / 32] = unsound;
      sums[i / 16] = (i16)store_codes(codes + i, zero);
      sums[i / 16 + 1] = (i16)store_codes(codes + i + 16, zero);
      continue;
    }
    wide inverse = wide_splat(127.0f / most);
    scales[i / 32] = most / 127.0f;
    sums[i / 16] = (i16)store_codes(codes + i, times(a, inverse));
    sums[i / 16 + 1] = (i16)store_codes(codes + i + 16, times(b, inverse));
  }
}
