// Strategy of GPUs for rows that are alone in their sequence: the positions that a row sees are cut into runs; a thread
// group takes a run, and its warps take tiles of 32 positions alternately, each with a running maximum and a running
// sum (online softmax, as in attend/cpu/streaming.h). The heads that share a kv_head are computed together, so keys and
// values are read once. A row's bits do not depend on the other rows.
//
// The row's own key and value are in no run: the group of the last run rotates and stores them, and adds them from its
// shared memory.
//
// Scores: four lanes share a position and read alternate pieces of a row; a lane's four positions are eight apart.
// Values: neighbouring lanes read a row, piece by piece, and the remaining lanes of the warp take other rows.
#pragma once
#include "attend/gpu/halves.h"
#include "attend/gpu/launch.h"
#include "batch/gpu/header.h"
#include "batch/gpu/pages.h"
#include "gemv/gpu/stages.h"
#include "rope/gpu/one_warp_per_head.h"

// Destinations of a rotated query and of a rotated key: shared memory, as the page will hold it, and the page.
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

//   alone    1: there is one row, and a group for each of its items
template <int head_size, int heads, int alone> struct attend_one {
  typedef AttendOneLaunch Params;
  typedef AttendOneShared Shared;
  enum {
    threads = attend_warps * warp_lanes,
    pieces = head_size / piece,
    row_lanes = pieces > 16  ? 32
                : pieces > 8 ? 16
                : pieces > 4 ? 8
                             : 4,                                 // that read a row of values
    groups_per_core = pieces < row_lanes && pieces < 16 ? 2 : 3,  // lanes without a piece take more registers
    rows = row_lanes,                                             // of a tile that a lane reads
    values_ahead = rows <= 16 && heads <= 4                       // values are loaded before the scores are known
  };
  struct Sums {
    float max[heads], total[heads];  // running maximum; this lane's part of the running sum
    float acc[heads][piece];         // of this lane's piece and rows
  };

  // The row of values that is this lane's i-th in a tile.
  fn row_of(int i, u32 lane) -> int { return (int)lane / row_lanes * rows + i; }
  fn has_piece(u32 lane) -> bool { return (int)lane % row_lanes < pieces; }
  // `values`: of the position's page.
  fn values_at(DEVICE const u16* values, int position, u32 lane) -> uint4 {
    return *(DEVICE const uint4*)(values + position % page_positions * head_size + (int)lane % row_lanes * piece);
  }

  // query · key of this lane's position of the tile, 8 · (lane mod 4) + lane / 4, for each head. `keys`: of the tile's
  // page.
  fn score(DEVICE const u16* keys, SHARED const float* query, int tile, positions seen, u32 lane,
           THREAD float (&score)[heads]) -> void {
    float s[heads][4];
    for (int h = 0; h < heads; h++)
      for (int u = 0; u < 4; u++) s[h][u] = 0;
    DEVICE const u16* row[4];
    for (int u = 0; u < 4; u++) row[u] = keys + seen.nearest(tile + 8 * u + (int)lane / 4) % page_positions * head_size;
    UNROLL(4)
    for (int first = 0; first < pieces; first += 4) {
      int at = first + (int)lane % 4;
      if (pieces % 4 != 0 && at >= pieces) continue;
      eight key[4];
      for (int u = 0; u < 4; u++) key[u] = floats_of(*(DEVICE const uint4*)(row[u] + at * piece));
      for (int h = 0; h < heads; h++)
        for (int four = 0; four < 2; four++) {
          float4 q = *(SHARED const float4*)(query + h * head_size + at * piece + 4 * four);
          for (int u = 0; u < 4; u++)
            s[h][u] = fma(q.w, key[u].x[4 * four + 3],
                          fma(q.z, key[u].x[4 * four + 2],
                              fma(q.y, key[u].x[4 * four + 1], fma(q.x, key[u].x[4 * four], s[h][u]))));
        }
    }
    // A 4 × 4 transpose-reduce across four lanes.
    bool second = lane & 1, upper = lane & 2;
    for (int h = 0; h < heads; h++) {
      float a = (upper ? s[h][2] : s[h][0]) + lane_exchange(upper ? s[h][0] : s[h][2], 2);
      float b = (upper ? s[h][3] : s[h][1]) + lane_exchange(upper ? s[h][1] : s[h][3], 2);
      score[h] = (second ? b : a) + lane_exchange(second ? a : b, 1);
    }
  }

  // Turns scores into weights relative to the running maximum, which may rise. A score that is not finite makes its
  // weight NaN, −inf included.
  fn weigh(THREAD const float (&score)[heads], bool visible, SHARED float (*weights)[attend_run], int at,
           THREAD Sums& sums) -> void {
    for (int h = 0; h < heads; h++) {
      float of_tile = lane_max(visible ? score[h] : lowest_float()),
            max = of_tile > sums.max[h] ? of_tile : sums.max[h];
      float factor = exp(sums.max[h] - max), weight = visible ? fma(score[h], 0.0f, exp(score[h] - max)) : 0.0f;
      sums.max[h] = max;
      sums.total[h] = fma(sums.total[h], factor, weight);
      for (int e = 0; e < piece; e++) sums.acc[h][e] *= factor;
      weights[h][at] = weight;
    }
  }

  fn mix(THREAD const uint4 (&values)[4], SHARED const float (*weights)[attend_run], int row, THREAD Sums& sums)
      -> void {
    eight value[4];
    for (int i = 0; i < 4; i++) value[i] = floats_of(values[i]);
    for (int h = 0; h < heads; h++) {
      float4 w = *(SHARED const float4*)(weights[h] + row);
      for (int e = 0; e < piece; e++)
        sums.acc[h][e] = fma(w.w, value[3].x[e],
                             fma(w.z, value[2].x[e], fma(w.y, value[1].x[e], fma(w.x, value[0].x[e], sums.acc[h][e]))));
    }
  }

  // All tiles of a run that belong to this warp.
  fn walk(PARAMS(AttendLaunch) p, SHARED Shared& shared, DEVICE const PageLine* pages, int kv_head, positions seen,
          int begin, int end, Thread me, THREAD Sums& sums) -> void {
    i64 keys_at = offset_in_page(p.keys_at, kv_head, 0, head_size),
        values_at_page = offset_in_page(p.values_at, kv_head, 0, head_size);
    u32 lane = me.lane();
    for (int round = 0; begin + round * attend_warps * attend_run < end; round++) {
      int tile = begin + (round * attend_warps + (int)me.warp()) * attend_run;
      SHARED float(*weights)[attend_run] = shared.weights[round % 2][me.warp()];
      uint4 ahead[rows / 4][4];
      DEVICE const u16 *keys = 0, *values = 0;
      if (tile < end) {
        DEVICE const u16* page = pages[tile / page_positions].at;
        keys = page + keys_at, values = page + values_at_page;
        if (values_ahead && has_piece(lane))
          for (int i = 0; i < rows; i++)
            ahead[i / 4][i % 4] = values_at(values, seen.nearest(tile + row_of(i, lane)), lane);
        float scores[heads];
        score(keys, shared.query, tile, seen, lane, scores);
        int mine = 8 * (int)(lane % 4) + (int)lane / 4;
        weigh(scores, seen.has(tile + mine), weights, mine, sums);
      }
      group_barrier();
      if (tile < end && has_piece(lane)) {
        UNROLL(4)
        for (int i = 0; i < rows; i += 4) {
          uint4 now[4];
          for (int k = 0; k < 4; k++) {
            if (values_ahead)
              now[k] = ahead[i / 4][k];
            else
              now[k] = values_at(values, seen.nearest(tile + row_of(i + k, lane)), lane);
          }
          mix(now, weights, row_of(i, lane), sums);
        }
      }
    }
  }

  // Adds the sums of the lanes that took other rows, then those of the warps, in order.
  fn leave(PARAMS(AttendLaunch) p, SHARED Shared& shared, int single, int head, int n, int split, Thread me,
           THREAD Sums& sums) -> void {
    int warp = (int)me.warp(), lane = (int)me.lane();
    for (int h = 0; h < heads; h++) {
      float total = lane_sum(sums.total[h]);
      if (lane == 0) shared.max[warp][h] = sums.max[h], shared.totals[warp][h] = total;
      for (int e = 0; e < piece; e++) {
        float sum = sums.acc[h][e];
        for (u32 mask = row_lanes; mask < warp_lanes; mask *= 2) sum += lane_exchange(sum, mask);
        if (lane < pieces) shared.sums[warp][h * head_size + lane * piece + e] = sum;
      }
    }
    group_barrier();
    for (int i = (int)me.index; i < n * head_size; i += threads) {
      int h = i / head_size;
      float max = shared.max[0][h], total = 0, sum = 0;
      for (int w = 1; w < attend_warps; w++) max = shared.max[w][h] > max ? shared.max[w][h] : max;
      for (int w = 0; w < attend_warps; w++) {
        float factor = exp(shared.max[w][h] - max);
        total = fma(factor, shared.totals[w][h], total);
        sum = fma(factor, shared.sums[w][i], sum);
      }
      i64 to = ((i64)single * p.kv_heads * p.heads_per_kv_head + head + h) * p.splits + split;
      p.sums[to * head_size + i % head_size] = sum;
      if (i % head_size == 0) p.max[to] = max, p.totals[to] = total;
    }
  }

  // Prefetches the angles, and the keys and values that the warps read first: one lane per position.
  fn look_ahead(PARAMS(Params) p, DEVICE const PageLine* pages, int kv_head, int begin, positions cached, Thread me)
      -> void {
    int position = begin + (int)me.index;
    if (cached.has(position)) {
      DEVICE const u16* page = pages[position / page_positions].at;
      DEVICE const u16* key = page + offset_in_page(p.attend.keys_at, kv_head, position, head_size);
      DEVICE const u16* value = page + offset_in_page(p.attend.values_at, kv_head, position, head_size);
      for (int i = 0; i < head_size; i += 64) will_read(key + i), will_read(value + i);
    }
    i64 angle = (i64)(cached.last + 1) * (p.rope.dims / 2) + (int)me.index;
    if ((int)me.index < p.rope.dims / 2) will_read(p.rope.cosines + angle), will_read(p.rope.sines + angle);
  }

  // A group's unit of work.
  struct Item {
    int row, position;  // of the batch; in its sequence
    int single;         // among the rows of this launch
    int kv_head, part, split;
  };

  // Rotates and scales the item's heads, and for the last run the row's own key and value. One warp per head.
  fn rotate(PARAMS(Params) p, SHARED Shared& shared, THREAD const Item& item, DEVICE u16* page, int n, bool last,
            bool stores, Thread me) -> void {
    int dims = p.rope.dims, first = item.part * heads;
    i64 angles = (i64)item.position * (dims / 2), kv = ((i64)item.row * p.attend.kv_heads + item.kv_head) * head_size;
    DEVICE const float *cosines = p.rope.cosines + angles, *sines = p.rope.sines + angles;
    UNROLL(1)
    for (int h = (int)me.warp(); h < heads + 1; h += attend_warps) {
      if (h < n) {
        DEVICE const float* x = p.rope.query + kv * p.attend.heads_per_kv_head + (first + h) * head_size;
        rotated_head query = {x, p.rope.query_norm, cosines, sines, head_size, dims, p.rope.halves};
        rotate_head(query, p.rope.query_epsilon, me.lane(), scaled_row{shared.query + h * head_size, p.attend.scale});
      } else if (h < heads) {
        for (int i = (int)me.lane(); i < head_size; i += warp_lanes) shared.query[h * head_size + i] = 0;
      } else if (last) {
        DEVICE u16* to_key = page + offset_in_page(p.attend.keys_at, item.kv_head, item.position, head_size);
        DEVICE u16* to_value = page + offset_in_page(p.attend.values_at, item.kv_head, item.position, head_size);
        rotated_head key = {p.rope.key + kv, p.rope.key_norm, cosines, sines, head_size, dims, p.rope.halves};
        stored_row key_row = {shared.own_key, stores ? to_key : 0},
                   value_row = {shared.own_value, stores ? to_value : 0};
        rotate_head(key, p.rope.key_epsilon, me.lane(), key_row);
        for (int i = (int)me.lane(); i < head_size; i += warp_lanes) value_row.put(i, p.rope.value[kv + i]);
      }
    }
  }

  // Adds the row's own position, by one warp.
  fn add_own(SHARED Shared& shared, u32 lane, THREAD Sums& sums) -> void {
    for (int h = 0; h < heads; h++) {
      float score = 0;
      for (int i = (int)lane; i < head_size; i += warp_lanes)
        score = fma(shared.query[h * head_size + i], shared.own_key[i], score);
      score = lane_sum(score);
      float max = score > sums.max[h] ? score : sums.max[h], factor = exp(sums.max[h] - max),
            weight = fma(score, 0.0f, exp(score - max));
      sums.max[h] = max;
      sums.total[h] = fma(sums.total[h], factor, lane == 0 ? weight : 0.0f);
      for (int e = 0; e < piece; e++) {
        float value = (int)lane < pieces ? weight * shared.own_value[(int)lane * piece + e] : 0.0f;
        sums.acc[h][e] = fma(sums.acc[h][e], factor, value);
      }
    }
  }

  // Does nothing where the row has fewer runs. The next item may begin while other threads are in `leave`: past its
  // barrier they read only sums, which are written after another barrier.
  fn compute(PARAMS(Params) p, SHARED Shared& shared, THREAD const Item& item, int sequence, Thread me) -> void {
    DEVICE const PageLine* pages = pages_of(p.attend.batch, sequence);
    positions seen = seen_by(item.position, p.attend.window), cached = {seen.first, seen.last - 1};
    position_runs runs = runs_of(seen);
    int begin = runs.begin + item.split * runs.length;
    // The row's position, and what its pages hold, were known before the previous launch, so both can be read before
    // the wait.
    if (item.split < runs.count) look_ahead(p, pages, item.kv_head, begin, cached, me);
    dependency_wait();
    if (item.split >= runs.count) return;
    bool last = item.split == runs.count - 1;
    int end = last ? seen.last : begin + runs.length, left = p.attend.heads_per_kv_head - item.part * heads,
        n = left < heads ? left : heads;
    if (cached.last < cached.first) end = begin;
    DEVICE u16* own_page = last ? pages[item.position / page_positions].at : 0;
    rotate(p, shared, item, own_page, n, last, last && item.part == 0, me);
    Sums sums;
    for (int h = 0; h < heads; h++) {
      sums.max[h] = lowest_float(), sums.total[h] = 0;
      for (int e = 0; e < piece; e++) sums.acc[h][e] = 0;
    }
    group_barrier();
    walk(p.attend, shared, pages, item.kv_head, cached, begin, end, me, sums);
    if (last && me.warp() == attend_warps - 1) add_own(shared, me.lane(), sums);
    leave(p.attend, shared, item.single, item.kv_head * p.attend.heads_per_kv_head + item.part * heads, n, item.split,
          me, sums);
  }

  // Empty items come last.
  fn run(PARAMS(Params) p, SHARED Shared& shared, Thread me) -> void {
    launch_dependents();
    int parts = (p.attend.heads_per_kv_head + heads - 1) / heads, per_row = parts * p.attend.kv_heads;
    DEVICE const BatchLine* lines = lines_of(p.attend.batch);
    if constexpr (alone) {
      int i = (int)me.group;
      Item item = {0, lines[0].position, 0, i / parts % p.attend.kv_heads, i % parts, i / per_row};
      compute(p, shared, item, 0, me);
    } else {
      int there = p.attend.batch.header->singles - p.attend.first_single,
          rows = there < p.attend.singles ? there : p.attend.singles;
      UNROLL(1)
      for (int i = (int)me.group; i < per_row * rows * p.attend.splits; i += (int)me.groups) {
        int single = i / per_row % rows, row = lines[p.attend.first_single + single].single_row;
        Item item = {row, lines[row].position, single, i / parts % p.attend.kv_heads, i % parts, i / (per_row * rows)};
        compute(p, shared, item, lines[row].sequence, me);
      }
      dependency_wait();
    }
  }
};

struct attend_merge {
  typedef AttendLaunch Params;
  typedef AttendMergeShared Shared;
  enum { threads = attend_warps * warp_lanes, groups_per_core = 8 };

  // One thread per element; a warp's 32 are also the 32 codes of a chunk.
  fn run(PARAMS(Params) p, SHARED Shared&, Thread me) -> void {
    launch_dependents();
    dependency_wait();
    int width = p.kv_heads * p.heads_per_kv_head * p.head_size, per_row = (width + threads - 1) / threads,
        single = (int)me.group / per_row;
    int i = (int)me.group % per_row * threads + (int)me.index;
    if (p.first_single + single >= p.batch.header->singles) return;
    DEVICE const BatchLine* lines = lines_of(p.batch);
    int row = lines[p.first_single + single].single_row;
    int runs = runs_of(seen_by(lines[row].position, p.window)).count;
    float y = 0;
    if (i < width) {
      i64 from = ((i64)single * p.kv_heads * p.heads_per_kv_head + i / p.head_size) * p.splits;
      float max = lowest_float(), total = 0;
      for (int r = 0; r < runs; r++) max = p.max[from + r] > max ? p.max[from + r] : max;
      for (int r = 0; r < runs; r++) {
        float factor = exp(p.max[from + r] - max);
        total = fma(factor, p.totals[from + r], total);
        y = fma(factor, p.sums[(from + r) * p.head_size + i % p.head_size], y);
      }
      y = y / total;
      p.out[(i64)row * width + i] = y;
    }
    if (p.codes.codes) quantize_out(p.codes, row, p.rows, i, i < width, y);
  }
};
