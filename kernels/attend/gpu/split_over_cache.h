// Strategy of GPUs for rows that are alone in their sequence: a thread group takes a run of what a row sees, for the
// heads that share a kv_head, so keys and values are read once; the runs are merged by another launch. Heads are the
// rows of a tile: its products and sums are those of attend_many, so the bits are, too.
//
// The row's own key and value are in no page yet: the last run's group rotates and stores them, and takes them from its
// memory.
#pragma once
#include "attend/gpu/runs_of_rows.h"
#include "attend/gpu/tiles.h"
#include "batch/gpu/header.h"
#include "gemv/gpu/stages.h"
#include "rope/gpu/one_warp_per_head.h"

// Where a rotated query goes, and a rotated key: to the group's memory, and to the page.
struct scaled_row {
  SHARED u16 *nearest, *rest;
  float scale;
  MEMBER void put(int i, float y) const { put_query(nearest, rest, i, y * scale); }
};
struct stored_row {
  SHARED u16* own;
  DEVICE u16* to;  // null: another group stores it
  MEMBER void put(int i, float y) const {
    u32 bits = nearest_half(y);
    own[i] = (u16)bits;
    if (to) to[i] = (u16)bits;
  }
};

//   alone    of runs_of_rows
template <int head_size, int alone> struct attend_one {
  typedef AttendOneLaunch Params;
  typedef AttendOneShared<head_size> Shared;
  enum {
    threads = attend_warps * warp_lanes,
    groups_per_core = head_size <= 128 ? 3 : 2,
    line = Shared::line,
    keys_at_once = Shared::keys,
    pieces = head_size / 8,                                  // of 16 bytes
    held = (int)page_positions * (int)pieces / (int)threads  // of them, of a page's keys, or values, of a thread
  };
  typedef attend_page<Shared, head_size, attend_warps> Page;
  typedef typename Page::Rows Rows;
  typedef runs_of_rows<Page, head_size, alone> Runs;

  // A page's keys and values in registers: all are asked for before the first is used. The row's own position comes
  // from the group's memory, those behind it are zeros.
  struct Stage {
    uint4 keys_of_page[held], values_of_page[held];
    int own;  // the row's position, counted from the page's first; behind the page: elsewhere

    fn read(THREAD Stage& stage, DEVICE const u16* keys_from, DEVICE const u16* values_from, Thread me) -> void {
      UNROLL(16)
      for (int j = 0; j < held; j++) {
        int i = (int)me.index + j * threads, key = i / pieces, from = key * head_size + i % pieces * 8;
        uint4 none;
        none.x = none.y = none.z = none.w = 0;
        stage.keys_of_page[j] = none, stage.values_of_page[j] = none;
        if (key >= stage.own) continue;
        stage.keys_of_page[j] = *(DEVICE const uint4*)(keys_from + from);
        stage.values_of_page[j] = *(DEVICE const uint4*)(values_from + from);
      }
    }
    template <int first> fn leave(THREAD const uint4 (&of)[held], int own, SHARED const u16* own_row,
                                  SHARED Shared& shared, Thread me) -> void {
      enum { at_once = (int)keys_at_once * (int)pieces / (int)threads };
      static_assert((int)keys_at_once * (int)pieces % (int)threads == 0, "threads share out whole pieces");
      UNROLL(16)
      for (int j = 0; j < at_once; j++) {
        int i = (int)me.index + j * threads, key = i / pieces, part = i % pieces * 8;
        uint4 eight = of[j + first / keys_at_once * at_once];
        if (first + key == own) eight = *(SHARED const uint4*)(own_row + part);
        *(SHARED uint4*)(shared.cached + key * line + part) = eight;
      }
    }
    template <int first> fn keys(THREAD const Stage& stage, SHARED Shared& shared, Thread me) -> void {
      leave<first>(stage.keys_of_page, stage.own, shared.own_key, shared, me);
    }
    template <int first> fn values(THREAD const Stage& stage, SHARED Shared& shared, Thread me) -> void {
      leave<first>(stage.values_of_page, stage.own, shared.own_value, shared, me);
    }
  };

  // Asks for the angles, and for the keys and values that are read first: a lane a position.
  fn look_ahead(PARAMS(Params) p, DEVICE const PageLine* pages, int kv_head, int begin, int own, Thread me) -> void {
    int position = begin + (int)me.index / 2;
    if (position < own) {
      DEVICE const u16* page = pages[position / page_positions].at;
      i64 from = me.index % 2 ? p.attend.values_at : p.attend.keys_at;
      DEVICE const u16* here = page + offset_in_page(from, kv_head, position, head_size);
      for (int i = 0; i < head_size; i += 64) will_read(here + i);
    }
    i64 angle = (i64)own * (p.rope.dims / 2) + (int)me.index;
    if ((int)me.index < p.rope.dims / 2) will_read(p.rope.cosines + angle), will_read(p.rope.sines + angle);
  }

  // A pair of a head that is rotated as a whole and has no norm: the numbers of rotate_head.
  template <class To> fn rotate_pair(DEVICE const float* x, DEVICE const float* cosines, DEVICE const float* sines,
                                     int halves, int pair, THREAD const To& to) -> void {
    int first = halves ? pair : 2 * pair, second = halves ? pair + head_size / 2 : 2 * pair + 1;
    float a = x[first], b = x[second], c = cosines[pair], s = sines[pair];
    to.put(first, a * c - b * s), to.put(second, a * s + b * c);
  }

  // The item's heads, `n` from `first` on, rotated and scaled, and for the last run the row's own key and value.
  // Without norms all threads share out the pairs, so that all are asked for at once; else a head is a warp's.
  fn rotate(PARAMS(Params) p, SHARED Shared& shared, THREAD const run_item& item, int first, int n, DEVICE u16* page,
            bool last, bool stores, Thread me) -> void {
    int dims = p.rope.dims, heads = last ? n + 1 : n;
    i64 angles = (i64)item.position * (dims / 2), kv = ((i64)item.row * p.attend.kv_heads + item.kv_head) * head_size;
    DEVICE const float *cosines = p.rope.cosines + angles, *sines = p.rope.sines + angles,
                       *queries = p.rope.query + kv * p.attend.heads_per_kv_head + first * head_size;
    DEVICE u16* to_key = stores ? page + offset_in_page(p.attend.keys_at, item.kv_head, item.position, head_size) : 0;
    DEVICE u16* to_value =
        stores ? page + offset_in_page(p.attend.values_at, item.kv_head, item.position, head_size) : 0;
    stored_row key_row = {shared.own_key, to_key}, value_row = {shared.own_value, to_value};
    if (!p.rope.query_norm && !p.rope.key_norm && dims == head_size) {
      enum { pairs = head_size / 2 };
      UNROLL(4)
      for (int i = (int)me.index; i < n * pairs; i += threads) {
        int h = i / pairs;
        scaled_row row = {shared.query[0] + h * line, shared.query[1] + h * line, p.attend.scale};
        rotate_pair(queries + h * head_size, cosines, sines, p.rope.halves, i % pairs, row);
      }
      for (int i = (int)me.index; last && i < pairs; i += threads)
        rotate_pair(p.rope.key + kv, cosines, sines, p.rope.halves, i, key_row);
    } else {
      UNROLL(1)
      for (int h = (int)me.warp(); h < heads; h += attend_warps) {
        if (h < n) {
          rotated_head query = {
              queries + h * head_size, p.rope.query_norm, cosines, sines, head_size, dims, p.rope.halves};
          scaled_row row = {shared.query[0] + h * line, shared.query[1] + h * line, p.attend.scale};
          rotate_head(query, p.rope.query_epsilon, me.lane(), row);
        } else {
          rotated_head key = {p.rope.key + kv, p.rope.key_norm, cosines, sines, head_size, dims, p.rope.halves};
          rotate_head(key, p.rope.key_epsilon, me.lane(), key_row);
        }
      }
    }
    for (int i = (int)me.index; last && i < head_size; i += threads) value_row.put(i, p.rope.value[kv + i]);
    // Rows of the tile that are no heads.
    for (int i = (int)me.index; i < (tile_rows - n) * pieces; i += threads) {
      uint4 none;
      none.x = none.y = none.z = none.w = 0;
      int to = (n + i / pieces) * line + i % pieces * 8;
      *(SHARED uint4*)(shared.query[0] + to) = none, *(SHARED uint4*)(shared.query[1] + to) = none;
    }
  }

  // Nothing where the row has fewer runs. The query of the next item is written behind a barrier after this one's was
  // read.
  fn compute(PARAMS(Params) p, SHARED Shared& shared, THREAD const run_item& item, int sequence, Thread me) -> void {
    DEVICE const PageLine* pages = pages_of(p.attend.batch, sequence);
    run_positions run = positions_of(p.attend, item);
    // Where the row stands was known before the launch in front, and so was what its pages hold.
    if (run.there()) look_ahead(p, pages, item.kv_head, run.begin, item.position, me);
    dependency_wait();
    if (!run.there()) return;
    int end = run.end_of_seen();
    run_heads heads = heads_of(p.attend, item.part);
    bool last = run.run == run.last_run;
    i64 keys_from = offset_in_page(p.attend.keys_at, item.kv_head, 0, head_size),
        values_from = offset_in_page(p.attend.values_at, item.kv_head, 0, head_size);
    Rows rows;
    rows.seen[0] = run.seen, rows.seen[1] = run.seen;
    Page::clear(rows);
    Stage stage;
    UNROLL(1)
    for (int page = run.begin; page < end; page += page_positions) {
      DEVICE u16* here = pages[page / page_positions].at;
      stage.own = item.position - page;
      Stage::read(stage, here + keys_from, here + values_from, me);
      if (page == run.begin) {
        rotate(p, shared, item, heads.first, heads.count, last ? pages[item.position / page_positions].at : here, last,
               last && item.part == 0, me);
        group_barrier();
      }
      Page::add(shared, stage, page, me, rows);
    }
    Runs::leave(p.attend, item, heads, me, rows);
  }

  fn run(PARAMS(Params) p, SHARED Shared& shared, Thread me) -> void {
    Runs::template each<attend_one>(p, p.attend, shared, me);
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
    positions seen = seen_by(lines[row].position, p.window);
    int runs = attend_run_of(seen.last) - attend_run_of(seen.first) + 1;
    float y = 0;
    if (i < width) {
      i64 from = ((i64)single * p.kv_heads * p.heads_per_kv_head + i / p.head_size) * p.splits;
      softmax_sums all = {lowest_float(), 0};
      UNROLL(16)
      for (int r = 0; r < runs; r++) {
        merge_factors f = merge_run(all, softmax_sums{p.max[from + r], p.totals[from + r]});
        y = fma(p.sums[(from + r) * p.head_size + i % p.head_size], f.run, y * f.before);
      }
      y = y / all.total;
      p.out[(i64)row * width + i] = y;
    }
    if (p.codes.codes) quantize_out(p.codes, row, p.rows, i, i < width, y);
  }
};
