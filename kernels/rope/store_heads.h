// Strategy of GPUs: a warp takes a head of a token; pairs and elements go along the lanes. Heads are queries, then keys.
#pragma once

struct rope_store_heads {
  typedef RopeStoreLaunch Params;
  enum { threads = 128, warps = 4, most_head_size = 256 };
  struct Room { float head[warps][most_head_size]; };

  fn run(PARAMS(RopeStoreLaunch) p, SHARED Room& room, Place at) -> void {
    int heads = p.heads + p.kv_heads, items = p.turn->count * heads;
    int item = (int)(at.group * warps + at.warp()), t = item / heads, h = item % heads, lane = (int)at.lane();
    bool there = item < items, query = h < p.heads;
    int kv = h - p.heads, size = p.head_size;
    SHARED float* x = room.head[at.warp()];
    DEVICE float* q = p.query + ((i64)t * p.heads + h) * size;
    DEVICE const float* k = p.key + ((i64)t * p.kv_heads + kv) * size;
    DEVICE const float* norm = query ? p.q_norm : p.k_norm;
    float squares = 0;
    if (there)
      for (int i = lane; i < size; i += warp_lanes) {
        float v = query ? q[i] : k[i];
        x[i] = v;
        squares = fma(v, v, squares);
      }
    float inverse = 1.0f / sqrt(lane_sum(squares) / (float)size + p.epsilon);
    if (there && norm)
      for (int i = lane; i < size; i += warp_lanes) x[i] = x[i] * inverse * norm[i];
    group_barrier();
    if (!there) return;
    int position = p.turn->position + t, half = p.dims / 2;
    DEVICE const float* cosines = p.cosines + (i64)position * half;
    DEVICE const float* sines = p.sines + (i64)position * half;
    i64 at_cache = ((i64)kv * p.room + position) * size;
    for (int i = lane; i < size; i += warp_lanes) {
      float y = x[i];
      if (i < p.dims) {
        int pair = p.halves ? i % half : i / 2, first = p.halves ? pair : 2 * pair, second = p.halves ? pair + half : first + 1;
        float a = x[first], b = x[second];
        y = i == first ? a * cosines[pair] - b * sines[pair] : a * sines[pair] + b * cosines[pair];
      }
      if (query) q[i] = y;
      else p.keys[at_cache + i] = (u16)nearest_half(y);
    }
    if (!query) {
      DEVICE const float* v = p.value + ((i64)t * p.kv_heads + kv) * size;
      for (int i = lane; i < size; i += warp_lanes) p.values[at_cache + i] = (u16)nearest_half(v[i]);
    }
  }
};
