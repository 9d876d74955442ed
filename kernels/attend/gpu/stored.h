// Keys and values that are in pages already, and queries that are rotated already, on their way to a group's memory:
// what attend_many and attend_stored have in common.
#pragma once
#include "attend/gpu/launch.h"
#include "attend/gpu/tiles.h"
#include "batch/gpu/states.h"

// Queries of a tile's rows: row r is head r mod heads of token r / heads.
struct tile_queries {
  DEVICE const float* at;  // of the first token and its first head
  i64 token_stride;        // floats from one token's queries to the next one's
  int heads;
  int first, all;  // rows of the tile; there is none from `all` on
  float scale;
  // Elements element … element + size − 1 of `rows` rows; zeros where there is no row.
  template <int rows, int size, int head_size, class Shared>
  MEMBER void bring(SHARED Shared& shared, int element, Thread me) const {
    UNROLL(4)
    for (int i = (int)me.index; i < rows * size; i += attend_warps * warp_lanes) {
      int row = first + i / size, e = i % size;
      float q = row < all ? at[row / heads * token_stride + row % heads * head_size + element + e] : 0.0f;
      put_query(shared.query[0], shared.query[1], i / size * (int)Shared::query_line + e, q * scale);
    }
  }
};

// The Stage of attend_page.
template <class Kept, class Shared, int head_size> struct stored_stage {
  typedef states<Kept> States;
  DEVICE const u16 *page_keys, *page_values;
  int last;           // of the page's positions; behind it there may be anything
  tile_queries tile;  // of wide heads

  // To lines of `line` halves, `count` positions from `first` on: elements from `element` on.
  template <int first, int count, int size, int line>
  fn bring(DEVICE const u16* from, int element, int last, SHARED u16* to, Thread me) -> void {
    enum { units = size / (int)States::unit };
    UNROLL(4)
    for (int i = (int)me.index; i < count * units; i += attend_warps * warp_lanes) {
      int key = States::position_of(i, count, units), u = States::unit_of(i, count, units);
      typename States::Unit x = States::zeros();
      if (first + key <= last) x = States::read(from, head_size, first + key, element / (int)States::unit + u);
      States::leave(x, to + key * line + u * (int)States::unit);
    }
  }
  template <int first> fn keys(THREAD const stored_stage& stage, SHARED Shared& shared, Thread me) -> void {
    bring<first, Shared::keys, head_size, Shared::line>(stage.page_keys, 0, stage.last, shared.cached, me);
  }
  template <int first> fn values(THREAD const stored_stage& stage, SHARED Shared& shared, Thread me) -> void {
    bring<first, Shared::keys, head_size, Shared::line>(stage.page_values, 0, stage.last, shared.cached, me);
  }
  template <int size, int first>
  fn keys_of_part(THREAD const stored_stage& stage, int element, SHARED Shared& shared, Thread me) -> void {
    bring<first, Shared::keys_of_part, size, Shared::query_line>(stage.page_keys, element, stage.last, shared.cached,
                                                                 me);
  }
  template <int size> fn queries(THREAD const stored_stage& stage, int element, SHARED Shared& shared, Thread me)
      -> void {
    stage.tile.template bring<Shared::rows, size, head_size>(shared, element, me);
  }
};
