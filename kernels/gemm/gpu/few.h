// The matrix kernel of GPUs for few tokens, where copies are asynchronous and a core has memory for it: a thread
// group per core takes some row groups of the launch's matrices, one after another; its 16 warps take a run of K each,
// and hand their sums to who adds them in order. Weights are requested before the previous launch has ended.
//   N      8, 16 or 32: tokens of a pass. Groups of the same rows follow each other. The launch's tokens are an even
//          number, and a multiple of N where they take several passes
//   kept   1: the group keeps the input; 0: it comes with the weights
//   Out    destination of an output (gemv/gpu/stages.h)
//   F0 …   the formats of the launch's matrices; all have a resident layout
#pragma once
#include "gemm/gpu/few_rows.h"
#include "gemm/gpu/launch.h"
#include "gemv/gpu/stages.h"
#include "quant/as_table.h"

template <int N, int kept, class Out, class F0, class F1 = F0, class F2 = F1> struct gemv_few {
  typedef GemvLaunch Params;
  typedef GemvFewShared Shared;
  enum {
    threads = (int)few_warps * (int)warp_lanes,
    groups_per_core = 1,
    pairs = Out::pairs,
    one_format = same<F0, F1>::value && same<F0, F2>::value,
    tiles = N / 8
  };
  template <class F> struct rows_of {
    typedef few_rows<N, kept != 0, typename resident_form<F>::type> Rows;
  };
  enum {
    reads_sums =
        (int)rows_of<F0>::Rows::reads_sums || (int)rows_of<F1>::Rows::reads_sums || (int)rows_of<F2>::Rows::reads_sums
  };

  // Of a thread group.
  struct Progress {
    bool begun;        // the input is there
    int turn;          // which of the two sets of sums is written next
    int first, there;  // tokens: of the pass, and how many there are in this run
  };

  // A row group's sums of runs to those who add and write them: half of the warps, the other half the next time.
  fn hand_over(PARAMS(GemvLaunch) p, SHARED Shared& shared, group_share share, THREAD const float (&acc)[tiles][8],
               THREAD Progress& at, Thread me) -> void {
    int g = (int)me.lane() / 4, t = (int)me.lane() % 4, token = (int)me.warp() % few_tile_tokens;
    UNROLL(4)
    for (int n = 0; n < tiles; n++) {
      SHARED float* sums = shared.sums[at.turn];
      UNROLL(2)
      for (int side = 0; side < 2; side++) {
        float4 four;
        four.x = acc[n][side], four.y = acc[n][2 + side], four.z = acc[n][4 + side], four.w = acc[n][6 + side];
        *(SHARED float4*)(sums + ((int)me.warp() * few_tile_tokens + 2 * t + side) * few_line + 4 * g) = four;
      }
      group_barrier();
      if ((int)me.warp() / few_tile_tokens == at.turn && at.first + 8 * n + token < at.there)
        write(p, shared, share, sums + token * few_line + me.lane(), at.first, 8 * n + token, me);
      at.turn ^= 1;
    }
  }
  fn write(PARAMS(GemvLaunch) p, SHARED Shared& shared, group_share share, SHARED const float* sums, int first,
           int token, Thread me) -> void {
    float y = 0;
    UNROLL(16)
    for (int run = 0; run < max_runs; run++) y += sums[run * few_tile_tokens * few_line];
    int row = share.row_group * lane_rows + (int)me.lane();
    y = finished(p, share.segment, row, y, inverse_of(p, first + token));
    SHARED float* value = shared.values + token * lane_rows + me.lane();
    if (pairs && share.segment == 0)
      *value = y;
    else if (pairs)
      Out::write(p, 0, first + token, row, *value, y);
    else
      Out::write(p, share.segment, first + token, row, y, 0.0f);
  }

  template <class F, class Items> fn rows(PARAMS(GemvLaunch) p, SHARED Shared& shared, THREAD const Items& items,
                                          THREAD Progress& at, Thread me) -> void {
    typedef typename rows_of<F>::Rows Rows;
    SHARED u32* input = (SHARED u32*)(&shared + 1);
    SHARED u32* ring = input + (kept ? few_kept_bytes(p.cols, N) / 4 + (int)me.warp() * few_kept_ring_bytes / 4
                                     : (int)me.warp() * few_ring_bytes / 4);
    typename Rows::State state;
    Rows::begin(p, items, state, ring, me);
    if (!at.begun) {
      dependency_wait();
      if (kept) {
        Rows::template keep<(bool)reads_sums>(p, at.first, input, me);
        group_barrier();
      }
      at.begun = true;
    }
    Rows::begin_input(p, at.first, items.count, state, ring, me);
    UNROLL(1)
    for (int i = 0; i < items.count; i++) {
      float acc[tiles][8];
      Rows::sum(p, at.first, items, input, state, ring, me, acc);
      hand_over(p, shared, items.share(p, i), acc, at, me);
    }
    Rows::end();
  }

  fn run(PARAMS(GemvLaunch) p, SHARED Shared& shared, Thread me) -> void {
    launch_dependents();
    int all = 0;
    for (int s = 0; s < (pairs ? 1 : p.segments); s++) all += p.segment[s].groups;
    int passes = (p.tokens + N - 1) / N;
    u32 groups = me.groups / (u32)passes, group = me.group / (u32)passes;
    int first = (int)((u32)all * group / groups), end = (int)((u32)all * (group + 1) / groups);
    Progress at = {false, 0, (int)me.group % passes * N, *p.rows};  // which no kernel writes
    if (at.first >= at.there) return dependency_wait();
    if constexpr (one_format) {
      few_items<(bool)pairs> items = {first, (pairs ? 2 : 1) * (end - first)};
      rows<F0>(p, shared, items, at, me);
    } else if constexpr (pairs) {
      UNROLL(1)
      for (; first < end; first++) {
        few_item gate = {0, first}, up = {1, first};
        rows<F0>(p, shared, gate, at, me);
        rows<F1>(p, shared, up, at, me);
      }
    } else {
      int before = 0;  // row groups of the preceding segments
      UNROLL(1)
      for (int s = 0; s < p.segments; before += p.segment[s].groups, s++) {
        int begin = first > before ? first : before, last = before + p.segment[s].groups;
        few_items<false> items = {begin, (last < end ? last : end) - begin};
        if (items.count <= 0) continue;
        int format = format_of<F0, F1, F2>(s);
        if (format == 0)
          rows<F0>(p, shared, items, at, me);
        else if (format == 1)
          rows<F1>(p, shared, items, at, me);
        else
          rows<F2>(p, shared, items, at, me);
      }
    }
  }
};
