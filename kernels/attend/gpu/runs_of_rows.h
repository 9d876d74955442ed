// Rows that are alone in their sequence, and the runs of what they see, as groups share them out: attend_one and
// attend_stored.
#pragma once
#include "attend/gpu/tiles.h"
#include "batch/gpu/header.h"

// A group's unit of work.
struct run_item {
  int row, position;  // of the batch; in its sequence
  int single;         // among the rows of this launch
  int kv_head, part, split;
};
// The positions of an item's run.
struct run_positions {
  positions seen;  // by the row
  int run, last_run;
  int begin, end;  // the page of the first that is seen; behind the run's last, which may be past the row's
  MEMBER bool there() const { return run <= last_run; }
  MEMBER int end_of_seen() const { return end > seen.last ? seen.last + 1 : end; }
};
fn positions_of(PARAMS(AttendLaunch) p, THREAD const run_item& item) -> run_positions {
  run_positions r;
  r.seen = seen_by(item.position, p.window);
  r.run = attend_run_of(r.seen.first) + item.split, r.last_run = attend_run_of(r.seen.last);
  r.begin = attend_run_begin(r.run), r.end = attend_run_begin(r.run + 1);
  if (r.begin < r.seen.first) r.begin = r.seen.first / page_positions * page_positions;
  return r;
}
// The heads of an item, `count` from `first` on of its kv_head.
struct run_heads {
  int first, count;
};
fn heads_of(PARAMS(AttendLaunch) p, int part) -> run_heads {
  int heads = attend_heads_at_once(p.heads_per_kv_head), first = part * heads, left = p.heads_per_kv_head - first;
  return run_heads{first, left < heads ? left : heads};
}

//   alone    1: there is one row, and a group for each of its items
template <class Page, int head_size, int alone> struct runs_of_rows {
  typedef typename Page::Rows Rows;

  // The run's sums of the item's heads.
  fn leave(PARAMS(AttendLaunch) p, THREAD const run_item& item, run_heads heads, Thread me, THREAD Rows& rows) -> void {
    int head = item.kv_head * p.heads_per_kv_head + heads.first;
    UNROLL(2)
    for (int r = 0; r < 2; r++) {
      softmax_sums sums = Page::sums_of(rows, r);
      int row = tile_row(me.lane()) + 8 * r,
          element = Page::part_of(me) * Page::value_tiles * tile_columns + tile_column(me.lane());
      if (row >= heads.count) continue;
      i64 to = ((i64)item.single * p.kv_heads * p.heads_per_kv_head + head + row) * p.splits + item.split;
      UNROLL(16)
      for (int d = 0; d < Page::value_tiles; d++) UNROLL(2)
      for (int c = 0; c < 2; c++)
        p.sums[to * head_size + element + d * tile_columns + c] = value_at(rows.acc[d], 2 * r + c);
      if (element == 0) p.max[to] = sums.max, p.totals[to] = sums.total;
    }
  }

  // Calls Kernel::compute for every item of the group. Empty ones come last.
  template <class Kernel, class Params, class Shared>
  fn each(PARAMS(Params) p, PARAMS(AttendLaunch) attend, SHARED Shared& shared, Thread me) -> void {
    launch_dependents();
    int heads = attend_heads_at_once(attend.heads_per_kv_head), parts = (attend.heads_per_kv_head + heads - 1) / heads,
        per_row = parts * attend.kv_heads;
    DEVICE const BatchLine* lines = lines_of(attend.batch);
    if constexpr (alone) {
      int i = (int)me.group;
      run_item item = {0, lines[0].position, 0, i / parts % attend.kv_heads, i % parts, i / per_row};
      Kernel::compute(p, shared, item, 0, me);
    } else {
      int there = attend.batch.header->singles - attend.first_single,
          rows = there < attend.singles ? there : attend.singles;
      UNROLL(1)
      for (int i = (int)me.group; i < per_row * rows * attend.splits; i += (int)me.groups) {
        int single = i / per_row % rows, row = lines[attend.first_single + single].single_row;
        run_item item = {row,       lines[row].position, single, i / parts % attend.kv_heads,
                         i % parts, i / (per_row * rows)};
        Kernel::compute(p, shared, item, lines[row].sequence, me);
      }
      dependency_wait();
    }
  }
};
