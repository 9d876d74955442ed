// Strategy of GPUs for sequences with several rows: a group walks over what its rows see, run after run, and merges
// each into those before it. A tile of positions lies in the group's memory for all its rows.
#pragma once
#include "attend/gpu/stored.h"
#include "attend/gpu/tiles.h"
#include "batch/gpu/header.h"

template <int head_size, class Kept> struct attend_many {
  typedef AttendLaunch Params;
  typedef AttendManyShared<head_size> Shared;
  enum {
    splits = head_size <= 64    ? 1
             : head_size <= 128 ? 2
                                : 4,
    threads = attend_warps * warp_lanes,
    groups_per_core = 2,
    line = Shared::line
  };
  typedef attend_page<Shared, head_size, splits> Page;
  typedef typename Page::Rows Rows;
  typedef stored_stage<Kept, Shared, head_size> Stage;

  // A group's rows: row r of a sequence and kv_head is head r mod heads_per_kv_head of its token r / heads_per_kv_head.
  struct Share {
    int first_token, all;  // of the sequence in the batch; its rows
    int first, last;       // rows of the group
    int kv_head;
  };
  // False: there is nothing for this group. Tiles of rows are counted through from sequence to sequence.
  fn share_of_group(PARAMS(Params) p, u32 group, THREAD Share& share) -> bool {
    int tile = (int)group / p.kv_heads, several = p.batch.header->several;
    DEVICE const BatchLine* lines = lines_of(p.batch);
    enum { at_once = 8 };  // sequences that are asked for before the first is looked at
    UNROLL(1)
    for (int s = 0; s < several; s += at_once) {
      int counts[at_once];
      UNROLL(8)
      for (int i = 0; i < at_once; i++) counts[i] = s + i < several ? lines[s + i].row_count : 0;
      UNROLL(8)
      for (int i = 0; i < at_once; i++) {
        int all = counts[i] * p.heads_per_kv_head, tiles = (all + Shared::rows - 1) / Shared::rows;
        if (tile >= 0 && tile < tiles) {
          int first = tile * Shared::rows, last = first + Shared::rows < all ? first + Shared::rows - 1 : all - 1;
          share = Share{lines[s + i].first_row, all, first, last, (int)group % p.kv_heads};
          return true;
        }
        tile -= tiles;
      }
    }
    return false;
  }
  fn offset_of_row(PARAMS(Params) p, THREAD const Share& share, int row) -> i64 {
    i64 token = share.first_token + row / p.heads_per_kv_head;
    return ((token * p.kv_heads + share.kv_head) * p.heads_per_kv_head + row % p.heads_per_kv_head) * head_size;
  }

  // All runs of the two rows.
  struct Merged {
    softmax_sums sums[2];
    frag_acc acc[Page::value_tiles];
  };
  fn merge(THREAD Rows& rows, THREAD Merged& to) -> void {
    UNROLL(2)
    for (int r = 0; r < 2; r++) {
      merge_factors f = merge_run(to.sums[r], Page::sums_of(rows, r));
      UNROLL(16)
      for (int d = 0; d < Page::value_tiles; d++) UNROLL(2)
      for (int i = 2 * r; i < 2 * r + 2; i++)
        put(to.acc[d], i, fma(value_at(rows.acc[d], i), f.run, value_at(to.acc[d], i) * f.before));
    }
    Page::clear(rows);
  }

  fn run(PARAMS(Params) p, SHARED Shared& shared, Thread me) -> void {
    dependency_wait();
    Share share;
    if (!share_of_group(p, me.group, share)) return;
    int all = share.all, first_row = share.first;
    DEVICE const BatchLine& start = lines_of(p.batch)[share.first_token];
    DEVICE const PageLine* pages = pages_of(p.batch, start.sequence);
    int position = start.position;
    Stage stage;
    if constexpr (head_size > (int)attend_whole_head) {
      int heads = p.heads_per_kv_head;
      stage.tile = tile_queries{
          p.query + offset_of_row(p, share, 0), (i64)p.kv_heads * heads * head_size, heads, first_row, all, p.scale};
    } else {
      for (int i = (int)me.index; i < Shared::rows * head_size; i += threads) {
        int row = first_row + i / head_size;
        put_query(shared.query[0], shared.query[1], i / head_size * line + i % head_size,
                  p.query[offset_of_row(p, share, row < all ? row : all - 1) + i % head_size] * p.scale);
      }
    }
    Rows rows;
    Merged merged;
    int own_row = first_row + Page::tile_of(me) * tile_rows + tile_row(me.lane());
    UNROLL(2)
    for (int r = 0; r < 2; r++) {
      int row = own_row + 8 * r < all ? own_row + 8 * r : all - 1;
      rows.seen[r] = seen_by(position + row / p.heads_per_kv_head, p.window);
      merged.sums[r].max = lowest_float(), merged.sums[r].total = 0;
    }
    Page::clear(rows);
    UNROLL(16)
    for (int d = 0; d < Page::value_tiles; d++) UNROLL(4)
    for (int i = 0; i < 4; i++) put(merged.acc[d], i, 0.0f);
    i64 part = share.kv_head * states<Kept>::halves_of(head_size), keys_from = p.keys_at + part,
        values_from = p.values_at + part;
    int first = seen_by(position + first_row / p.heads_per_kv_head, p.window).first / page_positions * page_positions,
        last = position + share.last / p.heads_per_kv_head, end_of_run = attend_run_begin(attend_run_of(first) + 1);
    UNROLL(1)
    for (int page = first; page <= last; page += page_positions) {
      DEVICE const u16* here = pages[page / page_positions].at;
      stage.page_keys = here + keys_from, stage.page_values = here + values_from, stage.last = last - page;
      Page::add(shared, stage, page, me, rows);
      if (page + page_positions == end_of_run || page + page_positions > last) {
        merge(rows, merged);
        end_of_run = attend_run_begin(attend_run_of(page + page_positions) + 1);
      }
    }
    UNROLL(2)
    for (int r = 0; r < 2; r++) {
      int row = own_row + 8 * r;
      if (row >= all) continue;
      DEVICE float* out = p.out + offset_of_row(p, share, row) + Page::part_of(me) * Page::value_tiles * tile_columns +
                          tile_column(me.lane());
      UNROLL(16)
      for (int d = 0; d < Page::value_tiles; d++) UNROLL(2)
      for (int c = 0; c < 2; c++) out[d * tile_columns + c] = value_at(merged.acc[d], 2 * r + c) / merged.sums[r].total;
    }
  }
};
