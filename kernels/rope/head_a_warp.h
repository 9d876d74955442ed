// Strategy of GPUs for rope_store: a head a warp. A lane owns pairs from end to end, so that nothing passes between lanes but the norm's
// sum.
#pragma once

// Elements of a head that a lane owns: pairs lane, lane + 32, … and elements dims + lane, … behind them.
struct turned_head {
  DEVICE const float* x;        // (head_size)
  DEVICE const float* norm;     // (head_size) or null
  DEVICE const float* cosines;  // (dims / 2) of this position
  DEVICE const float* sines;
  i32 size, dims, halves;
  MEMBER int first_of(int pair) const { return halves ? pair : 2 * pair; }
  MEMBER int second_of(int pair) const { return halves ? pair + dims / 2 : 2 * pair + 1; }
};

fn inverse_rms_of(THREAD const turned_head& h, float epsilon, u32 lane) {
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

// Where a head goes.
struct float_row {
  DEVICE float* to;
  MEMBER void put(int i, float y) const { to[i] = y; }
};
struct half_row {
  DEVICE u16* to;
  MEMBER void put(int i, float y) const { to[i] = (u16)nearest_half(y); }
};

template <class To> fn turn_head(THREAD const turned_head& h, float epsilon, u32 lane, THREAD const To& to) -> void {
  float inverse = inverse_rms_of(h, epsilon, lane);
  for (int i = (int)lane; i < h.dims / 2; i += warp_lanes) {
    int first = h.first_of(i), second = h.second_of(i);
    float a = h.x[first], b = h.x[second], c = h.cosines[i], s = h.sines[i];
    if (h.norm) a = a * inverse * h.norm[first], b = b * inverse * h.norm[second];
    to.put(first, a * c - b * s);
    to.put(second, a * s + b * c);
  }
  for (int i = h.dims + (int)lane; i < h.size; i += warp_lanes) to.put(i, h.norm ? h.x[i] * inverse * h.norm[i] : h.x[i]);
}

struct rope_store {
  typedef RopeLaunch Params;
  typedef RopeRoom Room;
  enum { threads = rope_warps * warp_lanes, groups_a_core = 8 };

  fn run(PARAMS(Params) p, SHARED Room&, Place at) -> void {
    int item = (int)at.group * rope_warps + (int)at.warp(), token = item / (p.heads + p.kv_heads), head = item % (p.heads + p.kv_heads);
    if (token >= p.tokens) return;
    i64 position = p.turn->position + token, angles = position * (p.dims / 2);
    if (head < p.heads) {
      DEVICE float* x = p.query + ((i64)token * p.heads + head) * p.head_size;
      turn_head(turned_head{x, p.query_norm, p.cosines + angles, p.sines + angles, p.head_size, p.dims, p.halves}, p.epsilon, at.lane(), float_row{x});
    } else {
      head -= p.heads;
      i64 from = ((i64)token * p.kv_heads + head) * p.head_size, to = ((i64)head * p.room + position) * p.head_size;
      turn_head(turned_head{p.key + from, p.key_norm, p.cosines + angles, p.sines + angles, p.head_size, p.dims, p.halves}, p.epsilon, at.lane(), half_row{p.keys + to});
      for (int i = (int)at.lane(); i < p.head_size; i += warp_lanes) p.values[to + i] = (u16)nearest_half(p.value[from + i]);
    }
  }
};
