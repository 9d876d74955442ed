// Strategy of GPUs for several tokens: a thread group takes one query head of one token; its warps walk tiles of 32 positions in turns, a
// position a lane for the scores, elements along the lanes for the values, with a running maximum and sum (streaming.h).
#pragma once

template <int head_size> struct attend_many {
  typedef AttendLaunch Params;
  typedef AttendManyRoom Room;
  enum { threads = attend_warps * warp_lanes, groups_a_core = 6, pieces = head_size / piece, most_values = (head_size + 31) / 32 };

  fn score(DEVICE const u16* key, SHARED const float* query) {
    float s = 0;
    for (int i = 0; i < pieces; i++) {
      eight k = floats_of(*(DEVICE const uint4*)(key + i * piece));
      for (int e = 0; e < piece; e++) s = fma(k.x[e], query[i * piece + e], s);
    }
    return s;
  }

  fn run(PARAMS(Params) p, SHARED Room& room, Place at) -> void {
    int heads = p.kv_heads * p.heads_a_kv_head, token = (int)at.group / heads, head = (int)at.group % heads;
    int lane = (int)at.lane(), warp = (int)at.warp();
    i64 from = ((i64)token * heads + head) * head_size, cache = (i64)(head / p.heads_a_kv_head) * p.room * head_size;
    positions seen = seen_by(p.turn->position + token, p.window);
    for (int i = (int)at.index; i < head_size; i += threads) room.query[i] = p.query[from + i] * p.scale;
    group_barrier();
    float most = least(), total = 0, acc[most_values];
    for (int e = 0; e < most_values; e++) acc[e] = 0;
    for (int tile = seen.first / attend_run * attend_run + warp * attend_run; tile <= seen.last; tile += attend_warps * attend_run) {
      bool visible = seen.has(tile + lane);
      float own = visible ? score(p.keys + cache + (i64)seen.nearest(tile + lane) * head_size, room.query) : least();
      float higher = lane_max(own);
      higher = higher > most ? higher : most;
      float factor = exp(most - higher), weight = visible ? exp(own - higher) : 0.0f;
      most = higher;
      total = fma(total, factor, weight);
      for (int e = 0; e < most_values; e++) acc[e] *= factor;
      UNROLL(8)
      for (int k = 0; k < attend_run; k++) {
        float w = lane_value(weight, (u32)k);
        DEVICE const u16* value = p.values + cache + (i64)seen.nearest(tile + k) * head_size;
        for (int e = 0; e < most_values; e++)
          if (32 * e + lane < head_size) acc[e] = fma(w, half_to_float(value[32 * e + lane]), acc[e]);
      }
    }
    total = lane_sum(total);
    if (lane == 0) room.most[warp] = most, room.totals[warp] = total;
    for (int e = 0; e < most_values; e++)
      if (32 * e + lane < head_size) room.sums[warp][32 * e + lane] = acc[e];
    group_barrier();
    most = room.most[0], total = 0;
    for (int w = 1; w < attend_warps; w++) most = room.most[w] > most ? room.most[w] : most;
    for (int w = 0; w < attend_warps; w++) total = fma(exp(room.most[w] - most), room.totals[w], total);
    for (int i = (int)at.index; i < head_size; i += threads) {
      float y = 0;
      for (int w = 0; w < attend_warps; w++) y = fma(exp(room.most[w] - most), room.sums[w][i], y);
      p.out[from + i] = y / total;
    }
  }
};
