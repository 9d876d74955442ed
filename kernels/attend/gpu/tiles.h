// What the kernels of attention on GPUs share: a page's positions meet rows of queries in the matrix unit, f16 with
// float sums, with a running maximum and a running sum a row (streaming.h). Queries and weights go in as two halves
// each, so that nothing of their floats is lost that the sums would show. A part of a page at a time lies in the
// group's memory: first keys, then values.
//
// A tile of 16 rows is that of `splits` warps. They share out positions for the scores, which they then tell each
// other, and elements of the head for the sums; every number is computed as one warp would.
#pragma once
#include "attend/gpu/launch.h"
#include "attend/gpu/order.h"
#include "batch/gpu/pages.h"

// A query's element, scaled, into the two lines of halves.
fn put_query(SHARED u16* nearest, SHARED u16* rest, int at, float q) -> void {
  u32 bits = nearest_half(q);
  nearest[at] = (u16)bits, rest[at] = (u16)nearest_half(q - half_to_float(bits));
}

template <class Shared, int head_size, int splits> struct attend_page {
  enum {
    keys = Shared::keys,
    line = Shared::line,
    key_tiles = page_positions / tile_columns,
    value_tiles = head_size / tile_columns / splits
  };
  static_assert(head_size % (tile_columns * splits) == 0, "warps share out whole tiles of elements");

  // Rows tile_row and tile_row + 8 of the warp's tile.
  struct Rows {
    positions seen[2];
    float max[2], total[2];  // of the run so far: running maximum; this lane's part of the running sum
    frag_acc acc[value_tiles];
  };
  fn clear(THREAD Rows& rows) -> void {
    UNROLL(2)
    for (int r = 0; r < 2; r++) rows.max[r] = lowest_float(), rows.total[r] = 0;
    UNROLL(16)
    for (int d = 0; d < value_tiles; d++) UNROLL(4)
    for (int i = 0; i < 4; i++) put(rows.acc[d], i, 0.0f);
  }

  fn tile_of(Thread me) -> int { return (int)me.warp() / splits; }
  fn part_of(Thread me) -> int { return (int)me.warp() % splits; }

  // Of `count` positions from `first` on of the page, those of this warp: products over `size` elements, which lie in
  // lines of the queries' length.
  template <int first, int count, int size>
  fn scores(SHARED Shared& shared, Thread me, THREAD frag_acc (&score)[key_tiles]) -> void {
    enum { apart = Shared::query_line };
    int row = tile_of(me) * tile_rows * apart;
    UNROLL(4)
    for (int k = 0; k < size; k += 16) {
      frag_a query, rest;
      load(query, shared.query[0] + row + k, apart, me.lane());
      load(rest, shared.query[1] + row + k, apart, me.lane());
      UNROLL(8)
      for (int n = first / tile_columns; n < (first + count) / tile_columns; n++) {
        if (n % splits != part_of(me)) continue;
        frag_b key;
        load(key, shared.cached + (n * tile_columns - first) * apart + k, apart, me.lane());
        multiply_halves(query, key, score[n]);
        multiply_halves(rest, key, score[n]);
      }
    }
  }
  // Every warp of a tile gets the scores of all positions.
  fn tell_scores(SHARED Shared& shared, Thread me, THREAD frag_acc (&score)[key_tiles]) -> void {
    SHARED float4* to = (SHARED float4*)shared.cached + tile_of(me) * key_tiles * warp_lanes + me.lane();
    UNROLL(8)
    for (int n = 0; n < key_tiles; n++) {
      if (n % splits != part_of(me)) continue;
      float4 four;
      four.x = value_at(score[n], 0), four.y = value_at(score[n], 1), four.z = value_at(score[n], 2),
      four.w = value_at(score[n], 3);
      to[n * warp_lanes] = four;
    }
    group_barrier();
    UNROLL(8)
    for (int n = 0; n < key_tiles; n++) {
      float4 four = to[n * warp_lanes];
      put(score[n], 0, four.x), put(score[n], 1, four.y), put(score[n], 2, four.z), put(score[n], 3, four.w);
    }
    group_barrier();
  }

  // Scores of the page at `first` into weights against the running maximum, which may rise: earlier sums are worth less
  // then. A score that is not finite makes its weight NaN: −inf, too.
  fn weigh(THREAD Rows& rows, int first, u32 lane, THREAD frag_acc (&score)[key_tiles]) -> void {
    int column = first + tile_column(lane);
    UNROLL(2)
    for (int r = 0; r < 2; r++) {
      float max = rows.max[r];
      UNROLL(8)
      for (int n = 0; n < key_tiles; n++) UNROLL(2)
      for (int c = 0; c < 2; c++) {
        float s = value_at(score[n], 2 * r + c);
        if (rows.seen[r].has(column + n * tile_columns + c) && s > max) max = s;
      }
      float other = lane_exchange(max, tile_mate_0);
      max = other > max ? other : max;
      other = lane_exchange(max, tile_mate_1);
      max = other > max ? other : max;
      float factor = exp(rows.max[r] - max), total = rows.total[r] * factor;
      rows.max[r] = max;
      UNROLL(8)
      for (int n = 0; n < key_tiles; n++) UNROLL(2)
      for (int c = 0; c < 2; c++) {
        float s = value_at(score[n], 2 * r + c),
              weight = rows.seen[r].has(column + n * tile_columns + c) ? fma(s, 0.0f, exp(s - max)) : 0.0f;
        put(score[n], 2 * r + c, weight);
        total += weight;
      }
      rows.total[r] = total;
      UNROLL(16)
      for (int d = 0; d < value_tiles; d++) UNROLL(2)
      for (int c = 0; c < 2; c++) put(rows.acc[d], 2 * r + c, value_at(rows.acc[d], 2 * r + c) * factor);
    }
  }

  template <int first>
  fn add_values(SHARED Shared& shared, Thread me, THREAD frag_acc (&weight)[key_tiles], THREAD Rows& rows) -> void {
    int element = part_of(me) * value_tiles * tile_columns;
    UNROLL(4)
    for (int n = first / tile_columns; n < (first + keys) / tile_columns; n += 2) {
      frag_a rest, lines = halves_of(weight[n], weight[n + 1], rest, me.lane());
      UNROLL(16)
      for (int d = 0; d < value_tiles; d++) {
        frag_b value;
        load_transposed(value, shared.cached + (n * tile_columns - first) * line + element + d * tile_columns, line,
                        me.lane());
        multiply_halves(lines, value, rows.acc[d]);
        multiply_halves(rest, value, rows.acc[d]);
      }
    }
  }

  template <int first, class Stage>
  fn scores_from(SHARED Shared& shared, THREAD Stage& stage, Thread me, THREAD frag_acc (&score)[key_tiles]) -> void {
    if constexpr (first < (int)page_positions) {
      Stage::template keys<first>(stage, shared, me);
      group_barrier();
      scores<first, keys, head_size>(shared, me, score);
      group_barrier();
      scores_from<first + (int)keys>(shared, stage, me, score);
    }
  }
  template <int first, class Stage> fn values_from(SHARED Shared& shared, THREAD Stage& stage, Thread me,
                                                   THREAD frag_acc (&weight)[key_tiles], THREAD Rows& rows) -> void {
    if constexpr (first < (int)page_positions) {
      Stage::template values<first>(stage, shared, me);
      group_barrier();
      add_values<first>(shared, me, weight, rows);
      group_barrier();
      values_from<first + (int)keys>(shared, stage, me, weight, rows);
    }
  }
  // Of wide heads, part after part of the elements. An element's products are added in the same order.
  template <class Stage> fn scores_of_parts(SHARED Shared& shared, THREAD Stage& stage, Thread me,
                                            THREAD frag_acc (&score)[key_tiles]) -> void {
    enum { rest = head_size % (int)attend_part, whole = head_size - rest };
    UNROLL(1)
    for (int element = 0; element < whole; element += attend_part)
      scores_of_part<attend_part>(shared, stage, element, me, score);
    if constexpr (rest > 0) scores_of_part<rest>(shared, stage, whole, me, score);
  }
  template <int size, class Stage> fn scores_of_part(SHARED Shared& shared, THREAD Stage& stage, int element, Thread me,
                                                     THREAD frag_acc (&score)[key_tiles]) -> void {
    Stage::template queries<size>(stage, element, shared, me);
    scores_of_keys<size, 0>(shared, stage, element, me, score);
  }
  template <int size, int first, class Stage> fn scores_of_keys(SHARED Shared& shared, THREAD Stage& stage, int element,
                                                                Thread me, THREAD frag_acc (&score)[key_tiles])
      -> void {
    if constexpr (first < (int)page_positions) {
      Stage::template keys_of_part<size, first>(stage, element, shared, me);
      group_barrier();
      scores<first, Shared::keys_of_part, size>(shared, me, score);
      group_barrier();
      scores_of_keys<size, first + (int)Shared::keys_of_part>(shared, stage, element, me, score);
    }
  }

  // A page enters the run. `Stage::keys<first>(stage, shared, me)`, and `values` likewise: those of the page's
  // positions first … first + keys − 1, from where they are to shared.cached; zeros where nothing is seen by any row.
  // Of wide heads `queries<size>` and `keys_of_part<size, first>` bring elements from `element` on of the queries, and
  // of the keys of keys_of_part positions. All threads call it.
  template <class Stage> fn add(SHARED Shared& shared, THREAD Stage& stage, int position, Thread me, THREAD Rows& rows)
      -> void {
    frag_acc score[key_tiles];
    UNROLL(8)
    for (int n = 0; n < key_tiles; n++) UNROLL(4)
    for (int i = 0; i < 4; i++) put(score[n], i, 0.0f);
    if constexpr (head_size > (int)attend_whole_head)
      scores_of_parts(shared, stage, me, score);
    else
      scores_from<0>(shared, stage, me, score);
    if constexpr (splits > 1) tell_scores(shared, me, score);
    weigh(rows, position, me.lane(), score);
    values_from<0>(shared, stage, me, score, rows);
  }

  // What the run comes to, to every lane of a row.
  fn sums_of(THREAD Rows& rows, int r) -> softmax_sums {
    float total = rows.total[r] + lane_exchange(rows.total[r], tile_mate_0);
    return softmax_sums{rows.max[r], total + lane_exchange(total, tile_mate_1)};
  }
};
