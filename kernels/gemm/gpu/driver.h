// The matrix kernel of GPUs for many tokens: which outputs belong to a thread group, and how they are finished.
//   N     tokens a group computes at once: 16, 32, 64, 128 or 256
//   Out   destination of an output (gemv/gpu/stages.h)
//   F0 …  the formats of the launch's matrices; all have a resident layout
#pragma once
#include "gemm/gpu/launch.h"
#include "gemm/gpu/steps.h"
#include "gemv/gpu/launch.h"
#include "gemv/gpu/stages.h"
#include "quant/as_table.h"
#include "quant/facts.h"
#include "quant/resident.h"

template <class Shape, class Out, class F0, class F1, class F2> struct gemm_of {
  typedef GemvLaunch Params;
  typedef GemmShared<Shape> Shared;
  enum {
    warps = (int)Shape::tokens / (int)Shape::unit_tokens * unit_warps,
    threads = (int)warps * (int)warp_lanes,
    groups_per_core = Shape::groups_per_core,
    pairs = Out::pairs
  };

  // Row groups of 32; past the last: the last.
  template <class F> fn row_group(PARAMS(GemvLaunch) p, int s, int group) -> BYTES {
    int last = (p.segment[s].rows - 1) / lane_rows;
    return p.segment[s].weights + (i64)(group < last ? group : last) * group_bytes<F>(p);
  }
  template <class F> fn group_bytes(PARAMS(GemvLaunch) p) -> int {
    return p.cols / (int)F::block * (int)resident<F, lane_rows>::tile_bytes;
  }

  // `group`: the first side's row group, in segment s. The second side is the next row group, or the same one of the
  // other matrix.
  template <class A, class B> fn rows(PARAMS(GemvLaunch) p, SHARED Shared& shared, int s, int group, int first_token,
                                      int there, Thread me, THREAD gemm_sums<Shape>& acc) -> void {
    typedef typename resident_form<A>::type First;
    typedef typename resident_form<B>::type Second;
    static_assert(resident<First, lane_rows>::exists && resident<Second, lane_rows>::exists,
                  "formats without a resident layout run in gemv");
    typename gemm_steps<Shape, First, Second>::Source from;
    from.weights[0] = row_group<First>(p, s, group), from.bytes[0] = group_bytes<First>(p);
    from.weights[1] = row_group<Second>(p, pairs ? 1 : s, pairs ? group : group + 1),
    from.bytes[1] = group_bytes<Second>(p);
    from.codes = p.codes.codes, from.scales = p.codes.scales, from.sums = p.codes.sums;
    from.chunks = p.cols / 32, from.first = first_token, from.tokens = p.tokens, from.there = there;
    gemm_steps<Shape, First, Second>::sum(from, shared, me, acc);
  }

  fn run(PARAMS(GemvLaunch) p, SHARED Shared& shared, Thread me) -> void {
    int passes = (p.tokens + Shape::tokens - 1) / Shape::tokens, first_token = (int)me.group % passes * Shape::tokens;
    int there = *p.rows;  // which no kernel writes
    if (first_token >= there) return dependency_wait();
    group_share share = {0, (int)me.group / passes, first_token};
    while (!pairs && share.row_group >= p.segment[share.segment].groups)
      share.row_group -= p.segment[share.segment++].groups;
    int s = share.segment, group = share.row_group * (pairs ? 1 : 2);
    gemm_sums<Shape> acc;
    if constexpr (pairs) {
      rows<F0, F1>(p, shared, 0, group, first_token, there, me, acc);
    } else {
      int format = format_of<F0, F1, F2>(s);
      if (format == 0)
        rows<F0, F0>(p, shared, s, group, first_token, there, me, acc);
      else if (format == 1)
        rows<F1, F1>(p, shared, s, group, first_token, there, me, acc);
      else
        rows<F2, F2>(p, shared, s, group, first_token, there, me, acc);
    }
    write(p, shared, s, group * lane_rows, first_token, there, me, acc);
  }

  // From the tile's layout to (token, row), through shared memory: one row per lane.
  fn write(PARAMS(GemvLaunch) p, SHARED Shared& shared, int s, int first_row, int first_token, int there, Thread me,
           THREAD const gemm_sums<Shape>& acc) -> void {
    SHARED float* transposed = (SHARED float*)shared.codes;
    int unit = (int)me.warp() / unit_warps, of_unit = (int)me.warp() % unit_warps;
    SHARED float* to = transposed + (unit * Shape::unit_tokens + tile_column(me.lane())) * transposed_words +
                       of_unit * tile_rows + tile_row(me.lane());
    group_barrier();
    UNROLL(64)
    for (int n = 0; n < Shape::unit_tokens / tile_columns; n++)
      for (int i = 0; i < 4; i++) to[(n * tile_columns + i % 2) * transposed_words + i / 2 * 8] = acc.of[n][i];
    group_barrier();
    int tokens = there - first_token < Shape::tokens ? there - first_token : (int)Shape::tokens;
    UNROLL(4)
    for (int i = (int)me.warp(); i < tokens * (pairs ? 1 : 2); i += warps) {
      int token = pairs ? i : i / 2, side = pairs ? 0 : i % 2, row = first_row + side * lane_rows + (int)me.lane();
      SHARED const float* from = transposed + token * transposed_words + side * lane_rows + me.lane();
      float inverse = inverse_of(p, first_token + token);
      Out::write(p, s, first_token + token, row, finished(p, s, row, from[0], inverse),
                 pairs ? finished(p, 1, row, from[lane_rows], inverse) : 0.0f);
    }
  }
};

template <int N, class Out, class F0, class F1 = F0, class F2 = F1> struct gemm
    : gemm_of<gemm_shape<N, copies_overlap != 0, ((int)F0::group < 32 || (int)F1::group < 32 || (int)F2::group < 32)>,
              Out, F0, F1, F2> {};
