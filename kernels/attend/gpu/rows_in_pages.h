// Strategy of GPUs for rows that are alone in their sequence, where a thread group cannot make the row's key by itself:
// rope_store has rotated the queries and stored key and value. Otherwise as split_over_cache.h, with the products of
// attend_many, so that a row has the bits that attend_many gives it.
#pragma once
#include "attend/gpu/runs_of_rows.h"
#include "attend/gpu/stored.h"

//   alone    of runs_of_rows
template <int head_size, int alone, class Kept> struct attend_stored {
  typedef AttendLaunch Params;
  typedef AttendSinglesShared<head_size> Shared;
  enum { threads = attend_warps * warp_lanes, groups_per_core = head_size <= 128 ? 3 : 2 };
  typedef attend_page<Shared, head_size, attend_warps> Page;
  typedef typename Page::Rows Rows;
  typedef runs_of_rows<Page, head_size, alone> Runs;
  typedef stored_stage<Kept, Shared, head_size> Stage;

  // Asks for what a page has of the kv_head: half of the threads for keys, half for values.
  fn look_ahead(PARAMS(AttendLaunch) p, DEVICE const u16* page, i64 part, Thread me) -> void {
    enum { line = 64 };  // of a cache, in halves
    int halves = (int)states<Kept>::halves_of(head_size);
    DEVICE const u16* from = page + part + (me.index % 2 ? p.values_at : p.keys_at);
    for (int i = (int)me.index / 2 * line; i < halves; i += threads / 2 * line) will_read(from + i);
  }

  // Nothing where the row has fewer runs. The query of the next item is written behind a barrier after this one's was
  // read.
  fn compute(PARAMS(Params) p, SHARED Shared& shared, THREAD const run_item& item, int sequence, Thread me) -> void {
    DEVICE const PageLine* pages = pages_of(p.batch, sequence);
    run_positions run = positions_of(p, item);
    i64 part = item.kv_head * states<Kept>::halves_of(head_size);
    if (run.there()) look_ahead(p, pages[run.begin / page_positions].at, part, me);
    dependency_wait();
    if (!run.there()) return;
    int end = run.end_of_seen();
    run_heads heads = heads_of(p, item.part);
    Stage stage;
    stage.tile.at =
        p.query + (((i64)item.row * p.kv_heads + item.kv_head) * p.heads_per_kv_head + heads.first) * head_size;
    stage.tile.token_stride = 0, stage.tile.heads = heads.count, stage.tile.first = 0, stage.tile.all = heads.count;
    stage.tile.scale = p.scale;
    if constexpr (head_size <= (int)attend_whole_head)
      stage.tile.template bring<tile_rows, head_size, head_size>(shared, 0, me);
    Rows rows;
    rows.seen[0] = run.seen, rows.seen[1] = run.seen;
    Page::clear(rows);
    UNROLL(1)
    for (int page = run.begin; page < end; page += page_positions) {
      DEVICE const u16* here = pages[page / page_positions].at + part;
      stage.page_keys = here + p.keys_at, stage.page_values = here + p.values_at, stage.last = run.seen.last - page;
      Page::add(shared, stage, page, me, rows);
    }
    Runs::leave(p, item, heads, me, rows);
  }

  fn run(PARAMS(Params) p, SHARED Shared& shared, Thread me) -> void {
    Runs::template each<attend_stored>(p, p, shared, me);
  }
};
