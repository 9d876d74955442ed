// Strategy of GPUs for sequences with several rows: tiles of queries times tiles of keys and values on tensor cores, f16
// with float sums, with a running maximum and a running sum per row (online softmax, as in attend/cpu/streaming.h).
// Queries and weights are split into two halves each, so that no float precision is lost that the sums would show. A
// tile of positions is in shared memory for all rows of the group: first its keys, then its values.
#pragma once
#include "attend/gpu/halves.h"
#include "attend/gpu/launch.h"
#include "batch/gpu/header.h"
#include "batch/gpu/pages.h"

template <int head_size> struct attend_many {
  typedef AttendLaunch Params;
  typedef AttendManyShared<head_size> Shared;
  enum {
    threads = Shared::rows / tile_rows * warp_lanes,
    groups_per_core = head_size <= 128 ? 4 : 8,
    keys = Shared::keys,
    line = Shared::line,
    key_tiles = keys / tile_columns,
    value_tiles = head_size / tile_columns
  };

  // The two rows of a lane's sums: tile_row and tile_row + 8.
  struct Rows {
    positions seen[2];
    float max[2], total[2];  // running maximum; this lane's part of the running sum
  };

  // Copies the positions of a tile, from `first` on, from their page to shared memory. None is read past `last`: there
  // may be anything.
  fn bring(DEVICE const u16* page, int first, int last, SHARED u16* to, Thread me) -> void {
    enum { pieces = head_size / piece };
    UNROLL(4)
    for (int i = (int)me.index; i < keys * pieces; i += threads) {
      int key = i / pieces, part = i % pieces, position = first + key < last ? first + key : last;
      *(SHARED uint4*)(to + key * line + part * piece) =
          *(DEVICE const uint4*)(page + position % page_positions * head_size + part * piece);
    }
  }

  fn scores(SHARED Shared& shared, Thread me, THREAD frag_acc (&score)[key_tiles]) -> void {
    int row = (int)me.warp() * tile_rows * line;
    UNROLL(8)
    for (int n = 0; n < key_tiles; n++) UNROLL(4)
    for (int i = 0; i < 4; i++) put(score[n], i, 0.0f);
    UNROLL(4)
    for (int k = 0; k < head_size; k += 16) {
      frag_a query, rest;
      load(query, shared.query[0] + row + k, line, me.lane());
      load(rest, shared.query[1] + row + k, line, me.lane());
      UNROLL(8)
      for (int n = 0; n < key_tiles; n++) {
        frag_b key;
        load(key, shared.cached + n * tile_columns * line + k, line, me.lane());
        multiply_halves(query, key, score[n]);
        multiply_halves(rest, key, score[n]);
      }
    }
  }

  // Turns scores into weights relative to the running maximum, which may rise: `factor`, by row, rescales the earlier
  // sums. A score that is not finite makes its weight NaN, −inf included.
  fn weigh(THREAD Rows& rows, int first, u32 lane, THREAD frag_acc (&score)[key_tiles], THREAD float (&factor)[2])
      -> void {
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
      factor[r] = exp(rows.max[r] - max);
      rows.max[r] = max;
      float total = rows.total[r] * factor[r];
      UNROLL(8)
      for (int n = 0; n < key_tiles; n++) UNROLL(2)
      for (int c = 0; c < 2; c++) {
        float s = value_at(score[n], 2 * r + c),
              weight = rows.seen[r].has(column + n * tile_columns + c) ? fma(s, 0.0f, exp(s - max)) : 0.0f;
        put(score[n], 2 * r + c, weight);
        total += weight;
      }
      rows.total[r] = total;
    }
  }

  fn add_values(SHARED Shared& shared, u32 lane, THREAD frag_acc (&weight)[key_tiles], THREAD const float (&factor)[2],
                THREAD frag_acc (&acc)[value_tiles]) -> void {
    UNROLL(32)
    for (int d = 0; d < value_tiles; d++) UNROLL(4)
    for (int i = 0; i < 4; i++) put(acc[d], i, value_at(acc[d], i) * factor[i / 2]);
    UNROLL(2)
    for (int n = 0; n < key_tiles; n += 2) {
      frag_a rest, lines = halves_of(weight[n], weight[n + 1], rest, lane);
      UNROLL(32)
      for (int d = 0; d < value_tiles; d++) {
        frag_b value;
        load_transposed(value, shared.cached + n * tile_columns * line + d * tile_columns, line, lane);
        multiply_halves(lines, value, acc[d]);
        multiply_halves(rest, value, acc[d]);
      }
    }
  }

  // A group's rows: row r of a sequence and kv_head is head r mod heads_per_kv_head of its token r / heads_per_kv_head.
  struct Share {
    int first_token, all;  // of the sequence in the batch; its rows
    int first, last;       // rows of the group
    int kv_head;
  };
  // False: this group has no rows. Tiles of rows are numbered across the sequences.
  fn share_of_group(PARAMS(Params) p, u32 group, THREAD Share& share) -> bool {
    int tile = (int)group / p.kv_heads, several = p.batch.header->several;
    DEVICE const BatchLine* lines = lines_of(p.batch);
    UNROLL(1)
    for (int s = 0; s < several; s++) {
      int all = lines[s].row_count * p.heads_per_kv_head, tiles = (all + Shared::rows - 1) / Shared::rows;
      if (tile < tiles) {
        int first = tile * Shared::rows, last = first + Shared::rows < all ? first + Shared::rows - 1 : all - 1;
        share = Share{lines[s].first_row, all, first, last, (int)group % p.kv_heads};
        return true;
      }
      tile -= tiles;
    }
    return false;
  }
  fn offset_of_row(PARAMS(Params) p, THREAD const Share& share, int row) -> i64 {
    i64 token = share.first_token + row / p.heads_per_kv_head;
    return ((token * p.kv_heads + share.kv_head) * p.heads_per_kv_head + row % p.heads_per_kv_head) * head_size;
  }

  fn run(PARAMS(Params) p, SHARED Shared& shared, Thread me) -> void {
    dependency_wait();
    Share share;
    if (!share_of_group(p, me.group, share)) return;
    int all = share.all, first_row = share.first;
    DEVICE const BatchLine& start = lines_of(p.batch)[share.first_token];
    DEVICE const PageLine* pages = pages_of(p.batch, start.sequence);
    int position = start.position;
    for (int i = (int)me.index; i < Shared::rows * head_size; i += threads) {
      int row = first_row + i / head_size;
      float q = p.query[offset_of_row(p, share, row < all ? row : all - 1) + i % head_size] * p.scale;
      u32 nearest = nearest_half(q);
      int to = i / head_size * line + i % head_size;
      shared.query[0][to] = (u16)nearest, shared.query[1][to] = (u16)nearest_half(q - half_to_float(nearest));
    }
    Rows rows;
    frag_acc acc[value_tiles];
    int own_row = first_row + (int)me.warp() * tile_rows + tile_row(me.lane());
    UNROLL(2)
    for (int r = 0; r < 2; r++) {
      int row = own_row + 8 * r < all ? own_row + 8 * r : all - 1;
      rows.seen[r] = seen_by(position + row / p.heads_per_kv_head, p.window);
      rows.max[r] = lowest_float(), rows.total[r] = 0;
    }
    UNROLL(32)
    for (int d = 0; d < value_tiles; d++) UNROLL(4)
    for (int i = 0; i < 4; i++) put(acc[d], i, 0.0f);
    i64 keys_at = offset_in_page(p.keys_at, share.kv_head, 0, head_size),
        values_at = offset_in_page(p.values_at, share.kv_head, 0, head_size);
    int begin = seen_by(position + first_row / p.heads_per_kv_head, p.window).first / keys * keys,
        last = position + share.last / p.heads_per_kv_head;
    UNROLL(1)
    for (int tile = begin; tile <= last; tile += keys) {
      frag_acc score[key_tiles];
      float factor[2];
      DEVICE const u16* page = pages[tile / page_positions].at;
      bring(page + keys_at, tile, last, shared.cached, me);
      group_barrier();
      scores(shared, me, score);
      group_barrier();
      bring(page + values_at, tile, last, shared.cached, me);
      weigh(rows, tile, me.lane(), score, factor);
      group_barrier();
      add_values(shared, me.lane(), score, factor, acc);
      group_barrier();
    }
    UNROLL(2)
    for (int r = 0; r < 2; r++) {
      float total = rows.total[r] + lane_exchange(rows.total[r], tile_mate_0);
      total = total + lane_exchange(total, tile_mate_1);
      int row = own_row + 8 * r;
      if (row >= all) continue;
      DEVICE float* out = p.out + offset_of_row(p, share, row) + tile_column(me.lane());
      UNROLL(32)
      for (int d = 0; d < value_tiles; d++) UNROLL(2)
      for (int c = 0; c < 2; c++) out[d * tile_columns + c] = value_at(acc[d], 2 * r + c) / total;
    }
  }
};
