// The matrix kernel of GPUs for many tokens: which outputs are a thread group's, and what happens at their end.
//   N     tokens a group computes at once: 16, 32, 64 or 128; at most 64 where two matrices are computed together
//   Out   what becomes of an output (gemv/gpu/stages.h)
//   F0 …  the formats of the launch's matrices; all have a resident layout
#pragma once
#include "gemm/gpu/launch.h"
#include "gemm/gpu/steps.h"
#include "gemv/gpu/launch.h"
#include "gemv/gpu/stages.h"
#include "quant/as_table.h"
#include "quant/facts.h"
#include "quant/resident.h"

template <int N, class Out, class F0, class F1 = F0, class F2 = F1> struct gemm {
  typedef GemvLaunch Params;
  typedef GemmRoom<N> Room;
  enum { threads = gemm_warps * warp_lanes, groups_a_core = N <= 16 ? 6 : N <= 64 ? (Out::pairs ? 3 : 4) : 2 };

  template <class F> fn rows(PARAMS(GemvLaunch) p, SHARED Room& room, int s, i64 first_row, int first, Place at, THREAD gemm_sums<N>& acc) -> void {
    typedef typename resident_form<F>::type Form;
    static_assert(resident<Form, lane_rows>::exists, "formats without a resident layout run in gemv");
    gemm_steps<Form, N>::sum(p, s, first_row, first, room, at, acc);
  }

  // The 8 tokens of a warp's n-th tiles, from where the matrix unit has them to (token, row).
  fn turn(THREAD const gemm_sums<N>& acc, int n, SHARED float* to, u32 lane) -> void {
    UNROLL(4)
    for (int m = 0; m < gemm_sums<N>::row_tiles; m++)
      UNROLL(4)
      for (int i = 0; i < 4; i++) to[(tile_column(lane) + i % 2) * turned_words + m * tile_rows + tile_row(lane) + i / 2 * 8] = acc.of[n][m][i];
  }

  fn run(PARAMS(GemvLaunch) p, SHARED Room& room, Place at) -> void {
    dependency_wait();
    group_share share = share_of(p, Out::pairs ? 1 : p.segments, N, at);
    int s = share.segment, there = *p.rows;
    if (share.token >= there) return;
    i64 first_row = (i64)share.row_group * gemm_rows;
    gemm_sums<N> acc, pair;
    int format = Out::pairs ? 0 : format_of<F0, F1, F2>(s);
    if (format == 0) rows<F0>(p, room, s, first_row, share.token, at, acc);
    else if (format == 1) rows<F1>(p, room, s, first_row, share.token, at, acc);
    else rows<F2>(p, room, s, first_row, share.token, at, acc);
    if constexpr (Out::pairs) rows<F1>(p, room, 1, first_row, share.token, at, pair);
    int row = (int)first_row + (int)at.warp() % 2 * (gemm_rows / 2) + (int)at.lane(), token = share.token + (int)at.warp() / 2 * (N / 2);
    SHARED float* own = (SHARED float*)&room + at.warp() * 2 * 8 * turned_words;
    SHARED float* other = own + 8 * turned_words;
    group_barrier();
    UNROLL(8)
    for (int n = 0; n < gemm_sums<N>::token_tiles; n++, token += 8) {
      warp_barrier();
      turn(acc, n, own, at.lane());
      if constexpr (Out::pairs) turn(pair, n, other, at.lane());
      warp_barrier();
      UNROLL(1)
      for (int j = 0; j < 8 && token + j < there; j++) {
        int from = j * turned_words + (int)at.lane();
        Out::write(p, s, token + j, row, finished(p, s, row, own[from]), Out::pairs ? finished(p, 1, row, other[from]) : 0.0f);
      }
    }
  }
};
