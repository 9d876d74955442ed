// Strategy of GPUs for few tokens: a thread group takes a token, a kv_head and a run of positions, with the query heads that share it;
// each warp walks tiles of the run for one head after the other, a position a lane for scores, elements along the lanes for the mix
// (softmax in one pass: Milakov & Gimelshein 2018). `attend_merge` adds the runs' sums in order.
#pragma once

struct attend_split {
  typedef AttendLaunch Params;
  enum { threads = 128, warps = 4 };
  struct Room {
    float query[warps][most_attend_head];
    float sums[warps][most_attend_head];
    float most[warps], total[warps];
  };

  // The positions of run `split`: [begin, end) of those that the token at `last` sees.
  fn begin_of(int first, int last, int splits, int split) {
    int tile = first / split_tile, tiles = last / split_tile + 1 - tile, begin = (tile + tiles * split / splits) * split_tile;
    return begin > first ? begin : first;
  }

  // One warp: tiles warp, warp + 4, … of the run, for head `h`.
  fn walk(PARAMS(AttendLaunch) p, SHARED Room& room, int t, int h, int kv, int begin, int end, Place at) -> void {
    int size = p.head_size, lane = (int)at.lane(), w = (int)at.warp();
    SHARED float* query = room.query[w];
    DEVICE const float* q = p.query + ((i64)t * p.heads + h) * size;
    for (int i = lane; i < size; i += warp_lanes) query[i] = q[i] * p.scale;
    warp_barrier();
    DEVICE const u16* keys = p.keys + (i64)kv * p.room * size;
    DEVICE const u16* values = p.values + (i64)kv * p.room * size;
    float acc[most_attend_head / warp_lanes];
    for (int e = 0; e < most_attend_head / warp_lanes; e++) acc[e] = 0;
    float most = -1e30f, total = 0;
    for (int tile = begin / split_tile + w; tile * split_tile < end; tile += warps) {
      int j = tile * split_tile + lane;
      bool seen = j >= begin && j < end;
      float score = -1e30f;
      if (seen) {
        DEVICE const uint4* key = (DEVICE const uint4*)(keys + (i64)j * size);
        float s = 0;
        for (int i = 0; i < size / 8; i++) {
          uint4 eight = key[i];
          SHARED const float* x = query + 8 * i;
          s = fma(half_to_float(eight.x & 0xffff), x[0], s), s = fma(half_to_float(eight.x >> 16), x[1], s);
          s = fma(half_to_float(eight.y & 0xffff), x[2], s), s = fma(half_to_float(eight.y >> 16), x[3], s);
          s = fma(half_to_float(eight.z & 0xffff), x[4], s), s = fma(half_to_float(eight.z >> 16), x[5], s);
          s = fma(half_to_float(eight.w & 0xffff), x[6], s), s = fma(half_to_float(eight.w >> 16), x[7], s);
        }
        score = s;
      }
      float higher = lane_max(score);
      higher = higher > most ? higher : most;
      float factor = exp(most - higher), weight = seen ? exp(score - higher) : 0.0f;
      most = higher;
      total = total * factor + lane_sum(weight);
      for (int e = 0; e < most_attend_head / warp_lanes; e++) acc[e] *= factor;
      for (int k = 0; k < split_tile; k++) {
        float one = lane_value(weight, (u32)k);
        int at_k = tile * split_tile + k;
        if (at_k < begin || at_k >= end) continue;
        UNROLL(8)
        for (int e = 0; e < most_attend_head / warp_lanes; e++)
          if (e * warp_lanes < size) acc[e] = fma(one, half_to_float(values[(i64)at_k * size + e * warp_lanes + lane]), acc[e]);
      }
    }
    for (int e = 0; e < most_attend_head / warp_lanes; e++)
      if (e * warp_lanes < size) room.sums[w][e * warp_lanes + lane] = acc[e];
    if (lane == 0) {
      room.most[w] = most;
      room.total[w] = total;
    }
  }

  fn run(PARAMS(AttendLaunch) p, SHARED Room& room, Place at) -> void {
    int split = (int)at.group % p.splits, kv = (int)at.group / p.splits % p.kv_heads, t = (int)at.group / p.splits / p.kv_heads;
    int last = p.turn->position + t, first = p.window > 0 && last >= p.window ? last - p.window + 1 : 0;
    int begin = begin_of(first, last, p.splits, split), end = split + 1 < p.splits ? begin_of(first, last, p.splits, split + 1) : last + 1;
    int shared = p.heads / p.kv_heads, size = p.head_size;
    for (int g = 0; g < shared; g++) {
      int h = kv * shared + g;
      walk(p, room, t, h, kv, begin, end, at);
      group_barrier();
      DEVICE float* out = p.partial + (((i64)t * p.heads + h) * p.splits + split) * (size + 2);
      float most = room.most[0];
      for (int w = 1; w < warps; w++) most = room.most[w] > most ? room.most[w] : most;
      for (int i = (int)at.index; i < size; i += threads) {
        float sum = 0;
        for (int w = 0; w < warps; w++) sum = fma(exp(room.most[w] - most), room.sums[w][i], sum);
        out[i] = sum;
      }
      if (at.index == 0) {
        float total = 0;
        for (int w = 0; w < warps; w++) total = fma(exp(room.most[w] - most), room.total[w], total);
        out[size] = most;
        out[size + 1] = total;
      }
      group_barrier();
    }
  }
};

// A warp takes 32 elements of a head of a token: they are a chunk of the output's codes.
struct attend_merge {
  typedef AttendLaunch Params;
  enum { threads = 32 };
  struct Room { i32 none; };
  fn run(PARAMS(AttendLaunch) p, SHARED Room&, Place at) -> void {
    int size = p.head_size, chunks = size / 32, i = (int)at.group % chunks * 32 + (int)at.lane();
    i64 head = at.group / chunks;  // of all tokens
    DEVICE const float* in = p.partial + head * p.splits * (size + 2);
    float most = in[size], sum = 0, total = 0;
    for (int s = 1; s < p.splits; s++) most = in[s * (size + 2) + size] > most ? in[s * (size + 2) + size] : most;
    for (int s = 0; s < p.splits; s++) {
      DEVICE const float* run = in + s * (size + 2);
      float factor = exp(run[size] - most);
      sum = fma(factor, run[i], sum);
      total = fma(factor, run[size + 1], total);
    }
    float y = sum / total;
    int token = (int)(head / p.heads), row = (int)(head % p.heads) * size + i;
    p.out[head * size + i] = y;
    if (p.codes.codes) quantize_out(p.codes, token, p.heads * size, row, true, y);
  }
};
