// Strategy for many tokens: weights are expanded once for all tokens of a thread group, a step of K at a time, and meet them in tiles of
// the matrix unit. Reads the resident layout with 32 rows a tile, and codes in device memory.
#pragma once
#include "gemm/gpu/launch.h"
#include "gemv/chunk.h"
#include "gemv/gpu/launch.h"
#include "gemv/gpu/rows_split.h"
#include "quant/facts.h"
#include "quant/resident.h"

template <class F, int q> fn expand_quads(THREAD const chunk_words<F::code_bits>& words, table16 table, THREAD u32 (&to)[8]) -> void {
  if constexpr (q < 8) {
    to[q] = quad_of<F::code_bits, q, 0, F::code_bits>(words);
    if constexpr (facts<F>::table) to[q] = look_up(to[q], table);
    expand_quads<F, q + 1>(words, table, to);
  }
}

// The sums of a thread: rows tile_row + 16 i + 8 (j / 2) of its warp's 32, tokens tile_column + 8 n + j mod 2 of its warp's N / 2.
template <int N> struct gemm_sums {
  enum { row_tiles = gemm_rows / 2 / tile_rows, token_tiles = N / 2 / tile_columns };
  float of[token_tiles][row_tiles][4];
};

template <class F, int N> struct gemm_steps {
  typedef resident<F, lane_rows> L;
  typedef chunk_factors<F> Factors;
  enum {
    threads = gemm_warps * warp_lanes,
    groups = Factors::groups,
    row_tiles = gemm_sums<N>::row_tiles,
    token_tiles = gemm_sums<N>::token_tiles,
    reads_sums = L::mins > 0
  };

  // Chunk c of the matrix for the 32 rows of a row group, to place `slot` of the step and rows `row` …; by a warp, lane = row.
  fn expand_chunk(BYTES row_group, int c, int slot, int first_row, table16 table, SHARED StepWeights& to, u32 lane) -> void {
    BYTES tile = row_group + (i64)(c / L::chunks) * (int)L::tile_bytes;
    c %= L::chunks;
    u32 quads[8];
    chunk_words<F::code_bits> words = split_rows<F>::words_at(tile, c, (int)lane);
    expand_quads<F, 0>(words, table, quads);
    Factors f = split_rows<F>::factors_at(tile, c, (int)lane);
    int row = first_row + (int)lane;
    SHARED uint4* line = (SHARED uint4*)(to.codes + row * line_words + 8 * slot);
    for (int i = 0; i < 2; i++) {
      uint4 four;
      four.x = quads[4 * i], four.y = quads[4 * i + 1], four.z = quads[4 * i + 2], four.w = quads[4 * i + 3];
      line[i] = four;
    }
    UNROLL(2)
    for (int g = 0; g < groups; g++) {
      int at = (2 * slot + g) * gemm_rows + row;
      if (g < Factors::additions) to.scales[at] = f.scales[g];
      if constexpr (Factors::weighted) to.subs[at] = f.subs[g];
      if constexpr (L::mins > 0) to.mins[at] = f.mins[g];
    }
  }

  // `count` chunks from chunk c on. Rows and tokens behind the last are read as the last.
  fn bring_weights(BYTES weights, int rows, i64 first_row, int cols, int c, int count, table16 table, SHARED StepWeights& to, Place at) -> void {
    i64 group_bytes = (i64)(cols / (int)F::block) * (int)L::tile_bytes, last = (rows - 1) / lane_rows;
    for (int i = (int)at.warp(); i < gemm_rows / lane_rows * count; i += gemm_warps) {
      int part = i % (gemm_rows / lane_rows), slot = i / (gemm_rows / lane_rows);
      i64 group = first_row / lane_rows + part;
      expand_chunk(weights + (group < last ? group : last) * group_bytes, c + slot, slot, part * lane_rows, table, to, at.lane());
    }
  }
  fn bring_tokens(PARAMS(DeviceActivations) x, int first, int tokens, int cols, int c, int count, SHARED StepTokens<N>& to, Place at) -> void {
    enum { parts = 2 * step_chunks };  // of 16 codes
    int last = tokens - 1 - first, part = (int)at.index % parts;
    DEVICE const i8* codes = x.codes + (i64)first * cols + 32 * c + 16 * part;
    UNROLL(4)
    for (int n = (int)at.index / parts; n < N; n += threads / parts)
      if (part < 2 * count) *(SHARED uint4*)(to.codes + n * line_words + 4 * part) = *(DEVICE const uint4*)(codes + (u32)((n < last ? n : last) * cols));
    i64 chunk = (i64)first * (cols / 32) + c;
    i32 zero = split_codes<F>::zero();
    UNROLL(2)
    for (int i = (int)at.index; i < N * count; i += threads) {
      int n = i % N, slot = i / N;
      u32 from = (u32)((n < last ? n : last) * (cols / 32) + slot);
      float scale = (x.scales + chunk)[from];
      to.scales[i] = scale;
      if (zero != 0 || reads_sums) {
        DEVICE const i32* sums = x.sums + 2 * chunk + 2 * from;
        UNROLL(2)
        for (int g = 0; g < groups; g++) {
          i32 sum = groups == 2 ? sums[g] : sums[0] + sums[1];
          to.starts[(2 * slot + g) * N + n] = tile_start(-zero * sum);
          to.inputs[(2 * slot + g) * N + n] = (float)sum * scale;
        }
      }
    }
  }

  fn factors_of(SHARED const StepWeights& from, int slot, int row) {
    Factors f;
    UNROLL(2)
    for (int g = 0; g < groups; g++) {
      int at = (2 * slot + g) * gemm_rows + row;
      if (g < Factors::additions) f.scales[g] = from.scales[at];
      if constexpr (Factors::weighted) f.subs[g] = from.subs[at];
      if constexpr (L::mins > 0) f.mins[g] = from.mins[at];
    }
    return f;
  }
  fn product(THREAD const tile_sum& sum, int i) {
    if constexpr (Factors::exact) return value_of(sum, i);
    else return (i32)to_floats(value_of(sum, i));
  }

  // Neighbouring tokens' floats, of which the first is even.
  fn two(SHARED const float* from) -> float2 { return *(SHARED const float2*)from; }

  // The warp's share of a chunk.
  fn add_chunk(SHARED const GemmRoom<N>& room, int slot, Place at, THREAD gemm_sums<N>& acc) -> void {
    int first_row = (int)at.warp() % 2 * (gemm_rows / 2), first_token = (int)at.warp() / 2 * (N / 2);
    int row = first_row + tile_row(at.lane());
    tile_a a[row_tiles];
    Factors f[row_tiles][2];
    UNROLL(4)
    for (int m = 0; m < row_tiles; m++) {
      load(a[m], room.weights.codes + (first_row + m * tile_rows) * line_words + 8 * slot, line_words, at.lane());
      for (int k = 0; k < 2; k++) f[m][k] = factors_of(room.weights, slot, row + m * tile_rows + 8 * k);
    }
    UNROLL(8)
    for (int n = 0; n < token_tiles; n++) {
      tile_b b;
      load(b, room.tokens.codes + (first_token + n * tile_columns) * line_words + 8 * slot, line_words, at.lane());
      int token = first_token + n * tile_columns + tile_column(at.lane());
      float2 scale = two(room.tokens.scales + slot * N + token), start[groups], inputs[groups];
      UNROLL(2)
      for (int g = 0; g < groups; g++) {
        int i = (2 * slot + g) * N + token;
        if (split_codes<F>::zero() != 0) start[g] = two(room.tokens.starts + i);
        else start[g].x = start[g].y = tile_start(0);
        if (reads_sums) inputs[g] = two(room.tokens.inputs + i);
      }
      float scales[2] = {scale.x, scale.y}, inputs_of[2][groups];
      UNROLL(2)
      for (int g = 0; g < groups; g++) inputs_of[0][g] = inputs[g].x, inputs_of[1][g] = inputs[g].y;
      UNROLL(4)
      for (int m = 0; m < row_tiles; m++) {
        tile_sum sum[groups];
        sum[0] = multiply<0, groups>(a[m], b, start[0].x, start[0].y);
        if constexpr (groups == 2) sum[1] = multiply<1, 2>(a[m], b, start[1].x, start[1].y);
        UNROLL(4)
        for (int i = 0; i < 4; i++) {
          decltype(product(sum[0], 0)) products[groups];
          UNROLL(2)
          for (int g = 0; g < groups; g++) products[g] = product(sum[g], i);
          acc.of[n][m][i] = Factors::add(f[m][i / 2], products, inputs_of[i % 2], scales[i % 2], acc.of[n][m][i]);
        }
      }
    }
  }

  // Σ over K for gemm_rows rows and N tokens. Leaves the group's memory behind as other threads may still read it.
  fn sum(PARAMS(GemvLaunch) p, int s, i64 first_row, int first, SHARED GemmRoom<N>& room, Place at, THREAD gemm_sums<N>& acc) -> void {
    table16 table = split_codes<F>::table();
    int chunks = p.cols / 32;
    UNROLL(8)
    for (int n = 0; n < token_tiles; n++)
      for (int m = 0; m < row_tiles; m++)
        for (int i = 0; i < 4; i++) acc.of[n][m][i] = 0;
    for (int c = 0; c < chunks; c += step_chunks) {
      int count = chunks - c < step_chunks ? chunks - c : (int)step_chunks;
      group_barrier();
      bring_weights(p.segment[s].weights, p.segment[s].rows, first_row, p.cols, c, count, table, room.weights, at);
      bring_tokens(p.codes, first, p.tokens, p.cols, c, count, room.tokens, at);
      group_barrier();
      UNROLL(1)
      for (int slot = 0; slot < count; slot++) add_chunk(room, slot, at, acc);
    }
  }
};
