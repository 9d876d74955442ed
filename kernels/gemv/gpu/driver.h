// The matrix kernel of GPUs for a few tokens, whose codes are in device memory; for one token where its input does not
// fit shared memory (one_token.h). Which outputs belong to a thread group, and how they are finished.
//   N        tokens a group computes at once
//   Out      what becomes of an output (stages.h)
//   F0 …     the formats of the launch's matrices
#pragma once
#include "gemv/gpu/launch.h"
#include "gemv/gpu/rows_of_blocks.h"
#include "gemv/gpu/rows_of_numbers.h"
#include "gemv/gpu/rows_split.h"
#include "gemv/gpu/stages.h"
#include "quant/as_table.h"
#include "quant/facts.h"
#include "quant/resident.h"

template <int N, class Out, class F0, class F1 = F0, class F2 = F1> struct gemv {
  typedef GemvLaunch Params;
  typedef GemvShared Shared;
  enum { threads = split_warps * warp_lanes, groups_per_core = N == 1 ? 3 : N <= 4 ? 2 : 1, G = group_rows };

  // Sums of the group's rows of segment s, row r of token n at to[n · G + r].
  template <class F> fn rows(PARAMS(GemvLaunch) p, SHARED Shared& shared, int s, i64 row_group, int first,
                             SHARED float* to, Thread me) -> void {
    typedef typename resident_form<F>::type Form;
    if constexpr (resident<Form, lane_rows>::exists) {
      float acc[N];
      prepared_input<N == 1> input = prepared < N == 1 > (p, first);
      UNROLL(1)
      for (int run = (int)me.warp(); run < max_runs; run += split_warps) {
        split_rows<Form>::template sum<N>(p.segment[s].weights, row_group, p.cols, run, input, me, acc);
        for (int n = 0; n < N; n++) shared.sums_of_runs[(run * N + n) * G + me.lane()] = acc[n];
      }
      group_barrier();
      if ((int)me.index < N * G) {
        float y = 0;
        for (int run = 0; run < max_runs; run++) y += shared.sums_of_runs[run * N * G + (int)me.index];
        to[me.index] = y;
      }
      group_barrier();
    } else {
      i64 row_bytes = (i64)(p.cols / (int)F::block) * (int)F::block_bytes;
      for (int r = (int)me.warp(); r < G; r += split_warps) {
        i64 row = row_group * G + r;
        if (row >= p.segment[s].rows) continue;
        float acc[N];
        BYTES weights = p.segment[s].weights + row * row_bytes;
        if (number_rows<F>::fit(p.cols)) {
          if constexpr (number_rows<F>::exists) number_rows<F>::template sum<N>(weights, p, first, me, acc);
        } else {
          block_rows<F>::template sum<N>(weights, p, first, me, acc);
        }
        for (int n = 0; n < N; n++)
          if (me.lane() == 0) to[n * G + r] = acc[n];
      }
      group_barrier();
    }
  }

  fn run(PARAMS(GemvLaunch) p, SHARED Shared& shared, Thread me) -> void {
    launch_dependents();
    dependency_wait();
    group_share share = share_of(p, Out::pairs ? 1 : p.segments, N, me);
    int s = share.segment, first = share.token, there = *p.rows;
    if (first >= there) return;
    i64 row_group = share.row_group;
    UNROLL(1)
    for (int pass = 0; pass < (Out::pairs ? 2 : 1); pass++) {
      int which = Out::pairs ? pass : s, format = format_of<F0, F1, F2>(which);
      SHARED float* to = pass == 0 ? shared.values : shared.pair;
      if (format == 0)
        rows<F0>(p, shared, which, row_group, first, to, me);
      else if (format == 1)
        rows<F1>(p, shared, which, row_group, first, to, me);
      else
        rows<F2>(p, shared, which, row_group, first, to, me);
    }
    int n = (int)me.index / G, row = (int)row_group * G + (int)me.index % G;
    if (n < N && first + n < there) {
      float inverse = inverse_of(p, first + n), y = finished(p, s, row, shared.values[me.index], inverse);
      Out::write(p, s, first + n, row, y, Out::pairs ? finished(p, 1, row, shared.pair[me.index], inverse) : 0.0f);
    }
  }
};
