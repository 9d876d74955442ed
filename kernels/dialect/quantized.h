// Vectors as int8 codes with a scale for each 32: how a warp makes a chunk of them, one value a lane. The CPU's counterpart is
// gemv/cpu/quantize_in.h; codes and scales are the same.
#pragma once

struct quantized {
  i32 code;     // of this lane's value
  float scale;  // of the chunk, in every lane
  i32 sum;      // of the codes of this lane's sixteen
};

fn quantize_chunk(float x) {
  float max_abs = lane_max(x < 0 ? -x : x), non_finite = lane_sum(x * 0.0f);  // NaN if any value is not finite
  bool none = non_finite != 0.0f ||
              max_abs < 1e-30f;  // all codes 0; the scale carries a NaN on, and drops what is too small to divide by
  quantized q;
  q.code = none ? 0 : (i32)rint(x * (127.0f / max_abs));
  q.scale = none ? non_finite : max_abs / 127.0f;
  q.sum = half_lane_sum(q.code);
  return q;
}
