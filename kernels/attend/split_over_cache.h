// Strategy of GPUs for one token: the cache is cut into runs, a thread group a run, and its warps take tiles of 32 positions in turns, each
// with a running maximum and a running sum (streaming.h). The heads that share a kv_head are computed together, so keys and values are
// read once.
//
// The token's own key and value are in no run: the last one's group turns and stores them, and adds them from its memory.
//
// Scores: four lanes share a position and read a row's pieces in turns; a lane's four positions lie eight apart. Values: neighbouring lanes
// read a row, piece by piece, and what is left of the warp takes other rows.
#pragma once

// Where a turned query goes, and a turned key: to the group's memory as the cache will hold it, and to the cache.
struct scaled_row {
  SHARED float* to;
  float scale;
  MEMBER void put(int i, float y) const { to[i] = y * scale; }
};
struct stored_row {
  SHARED float* own;
  DEVICE u16* to;  // null: another group stores it
  MEMBER void put(int i, float y) const {
    u32 bits = nearest_half(y);
    own[i] = half_to_float(bits);
    if (to) to[i] = (u16)bits;
  }
};

template <int head_size, int heads> struct attend_one {
  typedef AttendOneLaunch Params;
  typedef AttendOneRoom Room;
  enum {
    threads = attend_warps * warp_lanes,
    pieces = head_size / piece,
    row_lanes = pieces > 16 ? 32 : pieces > 8 ? 16 : pieces > 4 ? 8 : 4,  // that read a row of values
    groups_a_core = pieces < row_lanes && pieces < 16 ? 2 : 3,            // lanes without a piece take more registers
    rows = row_lanes,                                                     // of a tile that a lane reads
    values_ahead = rows <= 16 && heads <= 4                               // values are asked for before the scores are known
  };
  struct Sums {
    float most[heads], total[heads];  // running maximum; this lane's part of the running sum
    float acc[heads][piece];          // of this lane's piece and rows
  };

  // The row of values that is this lane's i-th in a tile.
  fn row_of(int i, u32 lane) -> int { return (int)lane / row_lanes * rows + i; }
  fn has_piece(u32 lane) -> bool { return (int)lane % row_lanes < pieces; }
  fn values_at(DEVICE const u16* values, int position, u32 lane) -> uint4 {
    return *(DEVICE const uint4*)(values + (i64)position * head_size + (int)lane % row_lanes * piece);
  }

  // query · key of this lane's position of the tile, 8 · (lane mod 4) + lane / 4, for each head.
  fn score(DEVICE const u16* keys, SHARED const float* query, int tile, positions seen, u32 lane, THREAD float (&score)[heads]) -> void {
    float s[heads][4];
    for (int h = 0; h < heads; h++)
      for (int u = 0; u < 4; u++) s[h][u] = 0;
    DEVICE const u16* row[4];
    for (int u = 0; u < 4; u++) row[u] = keys + (i64)seen.nearest(tile + 8 * u + (int)lane / 4) * head_size;
    UNROLL(4)
    for (int first = 0; first < pieces; first += 4) {
      int at = first + (int)lane % 4;
      if (pieces % 4 != 0 && at >= pieces) continue;
      eight key[4];
      for (int u = 0; u < 4; u++) key[u] = floats_of(*(DEVICE const uint4*)(row[u] + at * piece));
      for (int h = 0; h < heads; h++)
        for (int four = 0; four < 2; four++) {
          float4 q = *(SHARED const float4*)(query + h * head_size + at * piece + 4 * four);
          for (int u = 0; u < 4; u++) s[h][u] = fma(q.w, key[u].x[4 * four + 3], fma(q.z, key[u].x[4 * four + 2], fma(q.y, key[u].x[4 * four + 1], fma(q.x, key[u].x[4 * four], s[h][u]))));
        }
    }
    // Four lanes hold four partial sums each: every one keeps what is its own, and gives the others theirs.
    bool second = lane & 1, upper = lane & 2;
    for (int h = 0; h < heads; h++) {
      float a = (upper ? s[h][2] : s[h][0]) + lane_exchange(upper ? s[h][0] : s[h][2], 2);
      float b = (upper ? s[h][3] : s[h][1]) + lane_exchange(upper ? s[h][1] : s[h][3], 2);
      score[h] = (second ? b : a) + lane_exchange(second ? a : b, 1);
    }
  }

  // Scores into weights against the running maximum, which may rise. A score that is not finite makes its weight NaN: −inf, too.
  fn weigh(THREAD const float (&score)[heads], bool visible, SHARED float (*weights)[attend_run], int at, THREAD Sums& sums) -> void {
    for (int h = 0; h < heads; h++) {
      float tile_most = lane_max(visible ? score[h] : least()), most = tile_most > sums.most[h] ? tile_most : sums.most[h];
      float factor = exp(sums.most[h] - most), weight = visible ? fma(score[h], 0.0f, exp(score[h] - most)) : 0.0f;
      sums.most[h] = most;
      sums.total[h] = fma(sums.total[h], factor, weight);
      for (int e = 0; e < piece; e++) sums.acc[h][e] *= factor;
      weights[h][at] = weight;
    }
  }

  fn mix(THREAD const uint4 (&values)[4], SHARED const float (*weights)[attend_run], int row, THREAD Sums& sums) -> void {
    eight value[4];
    for (int i = 0; i < 4; i++) value[i] = floats_of(values[i]);
    for (int h = 0; h < heads; h++) {
      float4 w = *(SHARED const float4*)(weights[h] + row);
      for (int e = 0; e < piece; e++) sums.acc[h][e] = fma(w.w, value[3].x[e], fma(w.z, value[2].x[e], fma(w.y, value[1].x[e], fma(w.x, value[0].x[e], sums.acc[h][e]))));
    }
  }

  // All tiles of a run that are this warp's.
  fn walk(PARAMS(AttendLaunch) p, SHARED Room& room, i64 cache, positions seen, int begin, int end, Place at, THREAD Sums& sums) -> void {
    DEVICE const u16 *keys = p.keys + cache, *values = p.values + cache;
    u32 lane = at.lane();
    for (int turn = 0; begin + turn * attend_warps * attend_run < end; turn++) {
      int tile = begin + (turn * attend_warps + (int)at.warp()) * attend_run;
      SHARED float(*weights)[attend_run] = room.weights[turn % 2][at.warp()];
      uint4 ahead[rows / 4][4];
      if (tile < end) {
        if (values_ahead && has_piece(lane))
          for (int i = 0; i < rows; i++) ahead[i / 4][i % 4] = values_at(values, seen.nearest(tile + row_of(i, lane)), lane);
        float scores[heads];
        score(keys, room.query, tile, seen, lane, scores);
        int mine = 8 * (int)(lane % 4) + (int)lane / 4;
        weigh(scores, seen.has(tile + mine), weights, mine, sums);
      }
      group_barrier();
      if (tile < end && has_piece(lane)) {
        UNROLL(4)
        for (int i = 0; i < rows; i += 4) {
          uint4 now[4];
          for (int k = 0; k < 4; k++) {
            if (values_ahead) now[k] = ahead[i / 4][k];
            else now[k] = values_at(values, seen.nearest(tile + row_of(i + k, lane)), lane);
          }
          mix(now, weights, row_of(i, lane), sums);
        }
      }
    }
  }

  // The sums of the lanes that took other rows, then those of the warps, in order.
  fn leave(PARAMS(AttendLaunch) p, SHARED Room& room, int head, int n, int split, Place at, THREAD Sums& sums) -> void {
    int warp = (int)at.warp(), lane = (int)at.lane();
    for (int h = 0; h < heads; h++) {
      float total = lane_sum(sums.total[h]);
      if (lane == 0) room.most[warp][h] = sums.most[h], room.totals[warp][h] = total;
      for (int e = 0; e < piece; e++) {
        float sum = sums.acc[h][e];
        for (u32 mask = row_lanes; mask < warp_lanes; mask *= 2) sum += lane_exchange(sum, mask);
        if (lane < pieces) room.sums[warp][h * head_size + lane * piece + e] = sum;
      }
    }
    group_barrier();
    for (int i = (int)at.index; i < n * head_size; i += threads) {
      int h = i / head_size;
      float most = room.most[0][h], total = 0, sum = 0;
      for (int w = 1; w < attend_warps; w++) most = room.most[w][h] > most ? room.most[w][h] : most;
      for (int w = 0; w < attend_warps; w++) {
        float factor = exp(room.most[w][h] - most);
        total = fma(factor, room.totals[w][h], total);
        sum = fma(factor, room.sums[w][i], sum);
      }
      i64 place = (i64)(head + h) * p.splits + split;
      p.sums[place * head_size + i % head_size] = sum;
      if (i % head_size == 0) p.most[place] = most, p.totals[place] = total;
    }
  }

  // Asks for the angles, and for the keys and values that the warps will read first: a lane a position.
  fn look_ahead(PARAMS(Params) p, int kv_head, int begin, positions cached, Place at) -> void {
    int position = begin + (int)at.index;
    if (cached.has(position)) {
      i64 row = ((i64)kv_head * p.attend.room + position) * head_size;
      for (int i = 0; i < head_size; i += 64) will_read(p.attend.keys + row + i), will_read(p.attend.values + row + i);
    }
    i64 angle = (i64)(cached.last + 1) * (p.rope.dims / 2) + (int)at.index;
    if ((int)at.index < p.rope.dims / 2) will_read(p.rope.cosines + angle), will_read(p.rope.sines + angle);
  }

  // The group's heads, turned and scaled, and for the last run the token's own key and value. A head a warp.
  fn turn(PARAMS(Params) p, SHARED Room& room, int kv_head, int head, int n, bool last, bool stores, Place at) -> void {
    int position = p.rope.turn->position, dims = p.rope.dims;
    DEVICE const float *cosines = p.rope.cosines + (i64)position * (dims / 2), *sines = p.rope.sines + (i64)position * (dims / 2);
    UNROLL(1)
    for (int h = (int)at.warp(); h < heads + 1; h += attend_warps) {
      if (h < n) {
        turned_head query = {p.rope.query + (i64)(head + h) * head_size, p.rope.query_norm, cosines, sines, head_size, dims, p.rope.halves};
        turn_head(query, p.rope.epsilon, at.lane(), scaled_row{room.query + h * head_size, p.attend.scale});
      } else if (h < heads) {
        for (int i = (int)at.lane(); i < head_size; i += warp_lanes) room.query[h * head_size + i] = 0;
      } else if (last) {
        i64 to = ((i64)kv_head * p.rope.room + position) * head_size;
        turned_head key = {p.rope.key + kv_head * head_size, p.rope.key_norm, cosines, sines, head_size, dims, p.rope.halves};
        stored_row key_row = {room.own_key, stores ? p.rope.keys + to : 0}, value_row = {room.own_value, stores ? p.rope.values + to : 0};
        turn_head(key, p.rope.epsilon, at.lane(), key_row);
        for (int i = (int)at.lane(); i < head_size; i += warp_lanes) value_row.put(i, p.rope.value[kv_head * head_size + i]);
      }
    }
  }

  // The token's own position, by one warp.
  fn add_own(SHARED Room& room, u32 lane, THREAD Sums& sums) -> void {
    for (int h = 0; h < heads; h++) {
      float score = 0;
      for (int i = (int)lane; i < head_size; i += warp_lanes) score = fma(room.query[h * head_size + i], room.own_key[i], score);
      score = lane_sum(score);
      float most = score > sums.most[h] ? score : sums.most[h], factor = exp(sums.most[h] - most), weight = fma(score, 0.0f, exp(score - most));
      sums.most[h] = most;
      sums.total[h] = fma(sums.total[h], factor, lane == 0 ? weight : 0.0f);
      for (int e = 0; e < piece; e++) sums.acc[h][e] = fma(sums.acc[h][e], factor, (int)lane < pieces ? weight * room.own_value[(int)lane * piece + e] : 0.0f);
    }
  }

  fn run(PARAMS(Params) p, SHARED Room& room, Place at) -> void {
    launch_dependents();
    int splits = p.attend.splits, heads_a_kv_head = p.attend.heads_a_kv_head;
    int parts = (heads_a_kv_head + heads - 1) / heads, part = (int)at.group % parts, kv_head = (int)at.group / parts % p.attend.kv_heads;
    int split = (int)at.group / (parts * p.attend.kv_heads);  // those with nothing in them come last
    // Where the token stands was known before the launch in front, and so was what the cache holds.
    positions seen = seen_by(p.attend.turn->position, p.attend.window), cached = {seen.first, seen.last - 1};
    position_runs runs = runs_of(seen, splits);
    if (split < runs.count) look_ahead(p, kv_head, runs.begin + split * runs.length, cached, at);
    dependency_wait();
    if (split >= runs.count) return;
    bool last = split == runs.count - 1;
    int begin = runs.begin + split * runs.length, end = last ? seen.last : begin + runs.length;
    if (cached.last < cached.first) end = begin;
    int head = kv_head * heads_a_kv_head + part * heads, n = heads_a_kv_head - part * heads < heads ? heads_a_kv_head - part * heads : heads;
    turn(p, room, kv_head, head, n, last, last && part == 0, at);
    Sums sums;
    for (int h = 0; h < heads; h++) {
      sums.most[h] = least(), sums.total[h] = 0;
      for (int e = 0; e < piece; e++) sums.acc[h][e] = 0;
    }
    group_barrier();
    walk(p.attend, room, (i64)kv_head * p.attend.room * head_size, cached, begin, end, at, sums);
    if (last && at.warp() == attend_warps - 1) add_own(room, at.lane(), sums);
    leave(p.attend, room, head, n, split, at, sums);
  }
};

struct attend_merge {
  typedef AttendLaunch Params;
  typedef AttendMergeRoom Room;
  enum { threads = attend_warps * warp_lanes, groups_a_core = 8 };

  // A thread an element; a warp's 32 are also 32 codes.
  fn run(PARAMS(Params) p, SHARED Room&, Place at) -> void {
    launch_dependents();
    dependency_wait();
    int i = (int)at.group * threads + (int)at.index, n = p.kv_heads * p.heads_a_kv_head * p.head_size;
    int runs = runs_of(seen_by(p.turn->position, p.window), p.splits).count;
    float y = 0;
    if (i < n) {
      i64 place = (i64)(i / p.head_size) * p.splits;
      float most = least(), total = 0;
      for (int r = 0; r < runs; r++) most = p.most[place + r] > most ? p.most[place + r] : most;
      for (int r = 0; r < runs; r++) {
        float factor = exp(p.most[place + r] - most);
        total = fma(factor, p.totals[place + r], total);
        y = fma(factor, p.sums[(place + r) * p.head_size + i % p.head_size], y);
      }
      y = y / total;
      p.out[i] = y;
    }
    if (p.codes.codes) quantize_out(p.codes, 0, 1, i, i < n, y);
  }
};
