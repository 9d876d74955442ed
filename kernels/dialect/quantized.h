// Vectors as int8 codes with a scale per 32: how a warp makes a chunk of them, one value per lane. The CPU's
// counterpart is gemv/cpu/quantize_in.h; codes and scales are the same.
#pragma once

struct quantized {
  i32 code;     // of this lane's value
  float scale;  // of the chunk, in every lane
  i32 sum;      // of the codes of this lane's sixteen
};

fn quantize_chunk(float x) {
  float max_abs = lane_max(x < 0 ? -x : x), non_finite = lane_sum(x * 0.0f);  // NaN if any value is not finite
  // Then all codes are 0; the scale propagates a NaN, and is 0 where max_abs is too small to divide by.
  bool none = non_finite != 0.0f || max_abs < 1e-30f;
  quantized q;
  q.code = none ? 0 : (i32)rint(x * (127.0f / max_abs));
  q.scale = none ? non_finite : max_abs / 127.0f;
  q.sum = half_lane_sum(q.code);
  return q;
}
