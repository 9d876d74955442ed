// Strategy for many tokens: weights are expanded once for all tokens of a thread group, a step of K at a time, and meet them in tiles of
// the matrix unit. Reads the resident layout with 32 rows a tile, and codes in device memory.
#pragma once

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
    halves = Factors::halves,
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
    for (int h = 0; h < halves; h++) {
      int at = (2 * slot + h) * gemm_rows + row;
      if (h < Factors::scale_halves) to.scales[at] = f.scales[h];
      if constexpr (L::subs > 0) to.subs[at] = f.subs[h];
      if (L::mins > 0 && h < Factors::min_halves) to.mins[at] = f.mins[h];
      if constexpr (L::sub_mins > 0) to.sub_mins[at] = f.sub_mins[h];
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
      to.scales[i] = (x.scales + chunk)[from];
      if (zero != 0 || reads_sums) {
        DEVICE const i32* sums = x.sums + 2 * chunk + 2 * from;
        UNROLL(2)
        for (int h = 0; h < halves; h++) {
          i32 sum = halves == 2 ? sums[h] : sums[0] + sums[1];
          to.starts[(2 * slot + h) * N + n] = tile_start(-zero * sum);
          to.sums[(2 * slot + h) * N + n] = (float)sum;
        }
      }
    }
  }

  fn factors_of(SHARED const StepWeights& from, int slot, int row) {
    Factors f;
    UNROLL(2)
    for (int h = 0; h < halves; h++) {
      int at = (2 * slot + h) * gemm_rows + row;
      if (h < Factors::scale_halves) f.scales[h] = from.scales[at];
      if constexpr (L::subs > 0) f.subs[h] = from.subs[at], f.whole_subs[h] = (i32)f.subs[h];
      if (L::mins > 0 && h < Factors::min_halves) f.mins[h] = from.mins[at];
      if constexpr (L::sub_mins > 0) f.sub_mins[h] = from.sub_mins[at];
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
      float2 scale = two(room.tokens.scales + slot * N + token), start[halves], sums[halves];
      UNROLL(2)
      for (int h = 0; h < halves; h++) {
        int i = (2 * slot + h) * N + token;
        if (split_codes<F>::zero() != 0) start[h] = two(room.tokens.starts + i);
        else start[h].x = start[h].y = tile_start(0);
        if (reads_sums) sums[h] = two(room.tokens.sums + i);
      }
      float scales[2] = {scale.x, scale.y}, sums_of[2][halves];
      UNROLL(2)
      for (int h = 0; h < halves; h++) sums_of[0][h] = sums[h].x, sums_of[1][h] = sums[h].y;
      UNROLL(4)
      for (int m = 0; m < row_tiles; m++) {
        tile_sum sum[halves];
        sum[0] = multiply<0, halves>(a[m], b, start[0].x, start[0].y);
        if constexpr (halves == 2) sum[1] = multiply<1, 2>(a[m], b, start[1].x, start[1].y);
        UNROLL(4)
        for (int i = 0; i < 4; i++) {
          decltype(product(sum[0], 0)) products[halves];
          UNROLL(2)
          for (int h = 0; h < halves; h++) products[h] = product(sum[h], i);
          acc.of[n][m][i] = Factors::add(f[m][i / 2], products, sums_of[i % 2], scales[i % 2], acc.of[n][m][i]);
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
