// Strategy of GPUs for formats that are a number a weight: straight from file rows, 16 bytes a lane. A sum: a lane's
// numbers in order, then lanes in pairs. For one token two rows a warp, through a ring as in rows_past_input.h.
#pragma once
#include "gemv/gpu/launch.h"
#include "gemv/gpu/rows_past_input.h"
#include "gemv/gpu/stages.h"
#include "quant/facts.h"

template <class F, bool floating = facts<F>::floating> struct number_rows {
  enum { exists = 0 };
  fn fit(int) { return false; }
};
template <class F> struct number_rows<F, true> {
  typedef decltype(F::value(view{}, 0)) Number;
  enum {
    exists = (int)F::block == 1 && (int)Number::storage_bytes == (int)F::block_bytes && (int)Number::storage_bytes >= 2,
    numbers_per_read = 16 / (int)F::block_bytes  // numbers
  };
  // Rows that are whole pieces of 16 bytes.
  fn fit(int cols) { return exists && cols % numbers_per_read == 0; }

  template <int e> fn number(uint4 words) -> float {
    u32 word = e * (int)F::block_bytes / 4 == 0   ? words.x
               : e * (int)F::block_bytes / 4 == 1 ? words.y
               : e * (int)F::block_bytes / 4 == 2 ? words.z
                                                  : words.w;
    if constexpr ((int)F::block_bytes == 2) word = e % 2 ? word >> 16 : word & 0xffffu;
    return (float)Number{word};
  }
  template <int e> fn add(uint4 words, THREAD const float (&x)[numbers_per_read], float acc) -> float {
    if constexpr (e < numbers_per_read)
      return add<e + 1>(words, x, fma(number<e>(words), x[e], acc));
    else
      return acc;
  }
  // Of the columns k, …: x · norm.
  fn input(DEVICE const float* x, DEVICE const float* norm, int k, THREAD float (&to)[numbers_per_read]) -> void {
    UNROLL(2)
    for (int i = 0; i < numbers_per_read; i += 4) {
      float4 v = *(DEVICE const float4*)(x + k + i);
      if (norm) {
        float4 w = *(DEVICE const float4*)(norm + k + i);
        v.x *= w.x, v.y *= w.y, v.z *= w.z, v.w *= w.w;
      }
      to[i] = v.x, to[i + 1] = v.y, to[i + 2] = v.z, to[i + 3] = v.w;
    }
  }
  // Σ over K of a row for N tokens, which every lane gets, in the order of number_stream.
  template <int N> fn sum(BYTES row, PARAMS(GemvLaunch) p, int first, Thread me, THREAD float (&acc)[N]) -> void {
    for (int n = 0; n < N; n++) acc[n] = 0;
    for (int k = (int)me.lane() * numbers_per_read; k < p.cols; k += warp_lanes * numbers_per_read) {
      uint4 words = *(DEVICE const uint4*)(row + k * (int)F::block_bytes);
      UNROLL(8)
      for (int n = 0; n < N; n++) {
        i64 token = first + n < p.tokens ? first + n : p.tokens - 1;
        float x[numbers_per_read];
        input(p.x + token * p.cols, p.norm, k, x);
        acc[n] = add<0>(words, x, acc[n]);
      }
    }
    for (int n = 0; n < N; n++) acc[n] = lane_sum(acc[n]);
  }
};

template <class F, int G> struct number_stream {
  typedef number_rows<F> Rows;
  enum { rows = 2, round_cols = warp_lanes * Rows::numbers_per_read, ahead = (int)ring_words / (4 * rows) };

  // What a warp requests next: a round of its next rows.
  struct State {
    BYTES row[rows];  // from the lane's numbers on
    int item, round, slot;
  };

  fn rounds_of(int cols) -> int { return (cols + round_cols - 1) / round_cols; }
  fn first_item(Thread me) -> int { return (int)me.warp() * rows; }
  fn slot_of(SHARED u32* ring, int slot, Thread me) -> SHARED uint4* {
    return (SHARED uint4*)ring + ((int)me.warp() * (int)ring_words / 4 + slot * rows) * warp_lanes + (int)me.lane();
  }

  // `item`: a row of the row groups begin, …
  template <bool pairs> fn go_to(PARAMS(GemvLaunch) p, THREAD const row_groups<G, pairs>& groups, int begin, int item,
                                 THREAD State& s, Thread me) -> void {
    group_share share = groups.share(p, begin + item / G);
    for (int r = 0; r < rows; r++) {
      i64 row = share.row_group * G + item % G + r, last = p.segment[share.segment].rows - 1;
      s.row[r] = p.segment[share.segment].weights +
                 ((row < last ? row : last) * p.cols + (int)me.lane() * Rows::numbers_per_read) * (int)F::block_bytes;
    }
    s.item = item, s.round = 0;
  }
  template <bool pairs> fn ask(PARAMS(GemvLaunch) p, THREAD const row_groups<G, pairs>& groups, int begin, int items,
                               THREAD State& s, SHARED u32* ring, Thread me) -> void {
    if (s.item < items) {
      SHARED uint4* to = slot_of(ring, s.slot, me);
      if (s.round * round_cols + (int)me.lane() * Rows::numbers_per_read < p.cols)
        for (int r = 0; r < rows; r++) copy_four(to + r * warp_lanes, s.row[r]);
      for (int r = 0; r < rows; r++) s.row[r] += 16 * warp_lanes;
      if (++s.round == rounds_of(p.cols)) {
        s.item += one_token_warps * rows;
        if (s.item < items) go_to(p, groups, begin, s.item, s, me);
      }
    }
    s.slot = s.slot + 1 == ahead ? 0 : s.slot + 1;
    close_copies();
  }

  template <bool pairs> fn begin(PARAMS(GemvLaunch) p, THREAD const row_groups<G, pairs>& groups, int begin, int end,
                                 THREAD State& s, SHARED u32* ring, Thread me) -> void {
    s.slot = 0, s.item = first_item(me);
    if (s.item < (end - begin) * G) go_to(p, groups, begin, s.item, s, me);
    if (!copies_overlap) return;
    UNROLL(1)
    for (int a = 0; a < ahead; a++) ask(p, groups, begin, (end - begin) * G, s, ring, me);
  }

  // One warp has a row's whole sum; the others add nothing to it.
  template <bool pairs> fn finish(PARAMS(GemvLaunch) p, THREAD const row_groups<G, pairs>& groups, int begin, int end,
                                  THREAD State& s, SHARED u32* ring, SHARED float* sums, Thread me) -> void {
    int items = (end - begin) * G, lane = (int)me.lane();
    UNROLL(1)
    for (int item = first_item(me); item < items; item += one_token_warps * rows) {
      float acc[rows];
      for (int r = 0; r < rows; r++) acc[r] = 0;
      if (!copies_overlap) go_to(p, groups, begin, item, s, me);
      UNROLL(1)
      for (int k = lane * Rows::numbers_per_read, round = rounds_of(p.cols); round > 0; round--, k += round_cols) {
        float x[Rows::numbers_per_read];
        if (k < p.cols) Rows::input(p.x, p.norm, k, x);
        if (copies_overlap) await_copies<ahead - 1>();
        SHARED const uint4* from = slot_of(ring, s.slot, me);
        if (k < p.cols)
          for (int r = 0; r < rows; r++) {
            uint4 words;
            if (copies_overlap)
              words = from[r * warp_lanes];
            else
              words = *(DEVICE const uint4*)s.row[r];
            acc[r] = Rows::template add<0>(words, x, acc[r]);
          }
        if (copies_overlap)
          ask(p, groups, begin, items, s, ring, me);
        else
          for (int r = 0; r < rows; r++) s.row[r] += 16 * warp_lanes;
      }
      for (int r = 0; r < rows; r++) {
        float y = lane_sum(acc[r]);
        if (lane < one_token_warps) sums[(item / G * one_token_warps + lane) * G + item % G + r] = lane == 0 ? y : 0.0f;
      }
    }
    if (copies_overlap) await_copies<0>();
  }
};
