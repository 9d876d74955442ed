// The matrix kernel of GPUs for one token: each thread group keeps the input in shared memory, computes a run of row
// groups of the launch's matrices, and its warps synchronize once per batch of them. Weights are requested before the
// previous launch has ended.
//   G        rows of a row group: 32, or 16 where that balances the rows better
//   Input    normed: the group norms x and makes codes of it; copied: codes are in device memory
//   Out      destination of an output (stages.h)
//   F0 …     the formats of the launch's matrices
#pragma once
#include "gemv/gpu/keep_input.h"
#include "gemv/gpu/launch.h"
#include "gemv/gpu/rows_of_blocks.h"
#include "gemv/gpu/rows_of_numbers.h"
#include "gemv/gpu/rows_past_input.h"
#include "gemv/gpu/stages.h"
#include "quant/as_table.h"
#include "quant/facts.h"
#include "quant/resident.h"

enum { normed = 1, copied = 2 };

template <class F> struct is_coded {
  enum { value = resident<typename resident_form<F>::type, lane_rows>::exists };
};

template <int G, int Input, class Out, class F0, class F1 = F0, class F2 = F1> struct gemv_one {
  typedef GemvLaunch Params;
  typedef GemvOneShared Shared;
  typedef row_groups<G, (bool)Out::pairs> Groups;
  enum {
    threads = one_token_warps * warp_lanes,
    groups_per_core = 1,  // its rings leave no memory for another
    pairs = Out::pairs,
    one_format = same<F0, F1>::value && same<F0, F2>::value,
    coded = is_coded<F0>::value || is_coded<F1>::value || is_coded<F2>::value
  };

  fn chunks_of(SHARED Shared& shared) -> SHARED u32* { return shared.words; }
  fn sums_of(PARAMS(GemvLaunch) p, SHARED Shared& shared) -> SHARED float* {
    return (SHARED float*)(shared.words + (coded ? p.cols / 32 * kept_chunk_words : 0));
  }

  // Prefetches what is constant besides weights: norm and bias.
  fn look_ahead(PARAMS(GemvLaunch) p, THREAD const Groups& groups, Thread me) -> void {
    enum { line = 32 };  // floats
    if (Input == (int)normed && p.norm)
      for (int i = (int)me.index * line; i < p.cols; i += threads * line) will_read(p.norm + i);
    for (int i = (int)me.index * line; i < groups.count * G; i += threads * line) {
      group_share share = groups.share(p, i / G);
      int row = share.row_group * G + i % G;
      if (p.segment[share.segment].bias && row < p.segment[share.segment].rows)
        will_read(p.segment[share.segment].bias + row);
    }
  }

  // Keeps the input, which may come from the previous launch.
  fn keep(PARAMS(GemvLaunch) p, SHARED Shared& shared, Thread me) -> void {
    dependency_wait();
    if constexpr (Input == (int)copied) {
      if constexpr (coded) keep_codes(p.codes, p.cols, chunks_of(shared), me);
    } else if constexpr (coded) {
      keep_normed(p.x, p.norm, p.cols, shared, chunks_of(shared), me);
    } else if (p.norm) {
      keep_squares(p.x, p.cols, shared.squares, me);
    }
    group_barrier();
  }

  // The warps' sums of row groups begin, … of `groups`, all of format F. Before the input is there only weights are
  // read.
  template <class F> fn rows(PARAMS(GemvLaunch) p, SHARED Shared& shared, THREAD const Groups& groups, int begin,
                             int count, THREAD bool& kept, Thread me) -> void {
    typedef typename resident_form<F>::type Form;
    SHARED float* sums = sums_of(p, shared) + begin * one_token_warps * G;
    SHARED u32* ring = (SHARED u32*)(sums_of(p, shared) + (pairs ? 2 : 1) * p.batch * one_token_warps * G);
    if constexpr (is_coded<F>::value) {
      typename row_stream<Form, G>::State state;
      row_stream<Form, G>::begin(p, groups, begin, begin + count, state, ring, me);
      if (!kept) keep(p, shared, me);
      row_stream<Form, G>::finish(p, groups, begin, begin + count, (SHARED const uint4*)chunks_of(shared), state, ring,
                                  sums, me);
    } else if (number_rows<F>::fit(p.cols)) {
      if constexpr (number_rows<F>::exists) {
        typename number_stream<F, G>::State state;
        number_stream<F, G>::begin(p, groups, begin, begin + count, state, ring, me);
        if (!kept) keep(p, shared, me);
        number_stream<F, G>::finish(p, groups, begin, begin + count, state, ring, sums, me);
      }
    } else {
      if (!kept) keep(p, shared, me);
      by_weight<F>(p, groups, begin, count, sums, me);
    }
    kept = true;
  }
  // One warp per row: it has the row's sum, and others add nothing.
  template <class F> fn by_weight(PARAMS(GemvLaunch) p, THREAD const Groups& groups, int begin, int count,
                                  SHARED float* sums, Thread me) -> void {
    i64 row_bytes = (i64)(p.cols / (int)F::block) * (int)F::block_bytes;
    UNROLL(1)
    for (int i = (int)me.warp(); i < count * G; i += one_token_warps) {
      group_share share = groups.share(p, begin + i / G);
      int row = share.row_group * G + i % G;
      if (row >= p.segment[share.segment].rows) continue;
      float acc[1];
      block_rows<F>::template sum<1>(p.segment[share.segment].weights + row * row_bytes, p, 0, me, acc);
      if (me.lane() < one_token_warps)
        sums[(i / G * one_token_warps + (int)me.lane()) * G + i % G] = me.lane() == 0 ? acc[0] : 0.0f;
    }
  }

  fn batch(PARAMS(GemvLaunch) p, SHARED Shared& shared, THREAD const Groups& groups, THREAD bool& kept, Thread me)
      -> void {
    if constexpr (one_format) {
      rows<F0>(p, shared, groups, 0, (pairs ? 2 : 1) * groups.count, kept, me);
    } else if constexpr (pairs) {
      rows<F0>(p, shared, groups, 0, groups.count, kept, me);
      rows<F1>(p, shared, groups, groups.count, groups.count, kept, me);
    } else {
      int before = 0;  // row groups of the preceding segments
      UNROLL(1)
      for (int s = 0; s < p.segments; before += p.segment[s].groups, s++) {
        int begin = before > groups.first ? before - groups.first : 0,
            end = before + p.segment[s].groups - groups.first;
        if (end > groups.count) end = groups.count;
        if (begin >= end) continue;
        int format = format_of<F0, F1, F2>(s);
        if (format == 0)
          rows<F0>(p, shared, groups, begin, end - begin, kept, me);
        else if (format == 1)
          rows<F1>(p, shared, groups, begin, end - begin, kept, me);
        else
          rows<F2>(p, shared, groups, begin, end - begin, kept, me);
      }
    }
  }

  fn total(SHARED const float* sums, int i) -> float {
    float y = 0;
    for (int w = 0; w < one_token_warps; w++) y += sums[(i / G * one_token_warps + w) * G + i % G];
    return y;
  }

  fn run(PARAMS(GemvLaunch) p, SHARED Shared& shared, Thread me) -> void {
    launch_dependents();
    int all = 0;
    for (int s = 0; s < (pairs ? 1 : p.segments); s++) all += p.segment[s].groups;
    int end = (int)((u32)all * (me.group + 1) / me.groups);
    bool kept = false;
    UNROLL(1)
    for (int first = (int)((u32)all * me.group / me.groups); first < end; first += p.batch) {
      Groups groups = {first, end - first < p.batch ? end - first : p.batch};
      if (kept)
        group_barrier();
      else
        look_ahead(p, groups, me);
      batch(p, shared, groups, kept, me);
      group_barrier();
      float inverse = Input == (int)normed && p.norm
                          ? inverse_of_squares(shared.squares, one_token_warps, p.cols, p.epsilon)
                          : 1.0f;
      SHARED const float* sums = sums_of(p, shared);
      for (int i = (int)me.index; i < groups.count * G; i += threads) {
        group_share share = groups.share(p, i / G);
        int row = share.row_group * G + i % G;
        float y = finished(p, share.segment, row, total(sums, i), inverse);
        Out::write(p, share.segment, 0, row, y,
                   pairs ? finished(p, 1, row, total(sums, i + groups.count * G), inverse) : 0.0f);
      }
    }
  }
};
