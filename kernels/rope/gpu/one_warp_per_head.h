// Strategy of GPUs for rope_store: one warp per head. A lane owns its pairs from start to end, so only the norm's sum
// crosses lanes.
#pragma once
#include "batch/gpu/header.h"
#include "batch/gpu/pages.h"
#include "batch/gpu/states.h"
#include "rope/gpu/launch.h"

// Elements of a head that a lane owns: pairs lane, lane + 32, … and elements dims + lane, … after them.
struct rotated_head {
  DEVICE const float* x;        // (head_size)
  DEVICE const float* norm;     // (head_size) or null
  DEVICE const float* cosines;  // (dims / 2) of this position
  DEVICE const float* sines;
  i32 size, dims, halves;
  MEMBER int first_of(int pair) const { return halves ? pair : 2 * pair; }
  MEMBER int second_of(int pair) const { return halves ? pair + dims / 2 : 2 * pair + 1; }
};

fn inverse_rms_of(THREAD const rotated_head& h, float epsilon, u32 lane) {
  if (!h.norm) return 1.0f;
  float squares = 0;
  for (int i = (int)lane; i < h.dims / 2; i += warp_lanes) {
    float a = h.x[h.first_of(i)], b = h.x[h.second_of(i)];
    squares = fma(b, b, fma(a, a, squares));
  }
  for (int i = h.dims + (int)lane; i < h.size; i += warp_lanes) squares = fma(h.x[i], h.x[i], squares);
  float mean = lane_sum(squares) / (float)h.size + epsilon;
  return 1.0f / sqrt(mean) + mean * 0.0f;  // NaN, not 0, where the squares leave the range of floats
}

// Destination of a head.
struct float_row {
  DEVICE float* to;
  MEMBER void put(int i, float y) const { to[i] = y; }
};
struct half_row {
  DEVICE u16* to;
  MEMBER void put(int i, float y) const { to[i] = (u16)nearest_half(y); }
};
struct shared_row {
  SHARED float* to;
  MEMBER void put(int i, float y) const { to[i] = y; }
};

template <class To> fn rotate_head(THREAD const rotated_head& h, float epsilon, u32 lane, THREAD const To& to) -> void {
  enum { at_once = 2 };  // pairs, all read before the first is written
  float inverse = inverse_rms_of(h, epsilon, lane);
  for (int begin = (int)lane; begin < h.dims / 2; begin += at_once * warp_lanes) {
    float a[at_once], b[at_once], c[at_once], s[at_once];
    UNROLL(2)
    for (int k = 0; k < at_once; k++) {
      int i = begin + k * warp_lanes < h.dims / 2 ? begin + k * warp_lanes : begin, first = h.first_of(i),
          second = h.second_of(i);
      a[k] = h.x[first], b[k] = h.x[second], c[k] = h.cosines[i], s[k] = h.sines[i];
      if (h.norm) a[k] = a[k] * inverse * h.norm[first], b[k] = b[k] * inverse * h.norm[second];
    }
    UNROLL(2)
    for (int k = 0; k < at_once; k++) {
      int i = begin + k * warp_lanes;
      if (i >= h.dims / 2) continue;
      to.put(h.first_of(i), a[k] * c[k] - b[k] * s[k]);
      to.put(h.second_of(i), a[k] * s[k] + b[k] * c[k]);
    }
  }
  for (int i = h.dims + (int)lane; i < h.size; i += warp_lanes)
    to.put(i, h.norm ? h.x[i] * inverse * h.norm[i] : h.x[i]);
}

// What a warp needs of its group's memory where keys are stored so.
template <int coded> struct rope_memory {
  typedef RopeShared Shared;
};
template <> struct rope_memory<1> {
  typedef RopeCodedShared Shared;
};

//   every    1: rows that are alone in their sequence, too
template <int every, class Kept> struct rope_store {
  typedef RopeLaunch Params;
  typedef states<Kept> States;
  typedef typename rope_memory<States::coded>::Shared Shared;
  enum { threads = rope_warps * warp_lanes, groups_per_core = 8 };

  fn run(PARAMS(Params) p, SHARED Shared& shared, Thread me) -> void {
    launch_dependents();
    dependency_wait();
    int item = (int)me.group * rope_warps + (int)me.warp(), row = item / (p.heads + p.kv_heads),
        head = item % (p.heads + p.kv_heads);
    if (row >= p.batch.header->rows) return;
    DEVICE const BatchLine& line = lines_of(p.batch)[row];
    if (!every && line.alone) return;
    int position = line.position;
    i64 angles = (i64)position * (p.dims / 2);
    if (head < p.heads) {
      DEVICE float* x = p.query + ((i64)row * p.heads + head) * p.head_size;
      rotate_head(rotated_head{x, p.query_norm, p.cosines + angles, p.sines + angles, p.head_size, p.dims, p.halves},
                  p.query_epsilon, me.lane(), float_row{x});
      return;
    }
    head -= p.heads;
    i64 from = ((i64)row * p.kv_heads + head) * p.head_size;
    DEVICE u16* page = pages_of(p.batch, line.sequence)[position / page_positions].at;
    rotated_head key = {p.key + from, p.key_norm, p.cosines + angles, p.sines + angles, p.head_size, p.dims, p.halves};
    if constexpr (States::coded) {
      i64 part = head * States::halves_of(p.head_size);
      SHARED float* rotated = shared.key[me.warp()];
      rotate_head(key, p.key_epsilon, me.lane(), shared_row{rotated});
      warp_barrier();
      States::write(rotated, page + p.keys_at + part, p.head_size, position % page_positions, me.lane());
      States::write(p.value + from, page + p.values_at + part, p.head_size, position % page_positions, me.lane());
    } else {
      DEVICE u16* keys = page + offset_in_page(p.keys_at, head, position, p.head_size);
      DEVICE u16* values = page + offset_in_page(p.values_at, head, position, p.head_size);
      rotate_head(key, p.key_epsilon, me.lane(), half_row{keys});
      for (int i = (int)me.lane(); i < p.head_size; i += warp_lanes) values[i] = (u16)nearest_half(p.value[from + i]);
    }
  }
};
