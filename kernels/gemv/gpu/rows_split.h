// How GPU kernels read a chunk of the resident layout with 32 rows a tile, and what it adds to sums: a lane has a row,
// as in rows_interleaved.h. The strategy for a few tokens sums a run of chunks (gemv/runs.h) so; activations are the
// same for all lanes.
#pragma once
#include "gemv/chunk.h"
#include "gemv/gpu/launch.h"
#include "quant/facts.h"
#include "quant/gpu/rows.h"
#include "quant/resident.h"

template <class F> struct split_codes {
  // What is still to be subtracted from each code.
  fn zero() {
    if constexpr (facts<F>::table)
      return 0;
    else
      return (int)F::zero - (signed_codes<F>::flip ? 128 : 0);
  }
  template <int c> fn entry() -> u32 {
    if constexpr (facts<F>::table && c < 1 << (int)F::code_bits)
      return (u32)(u8)F::value(c);
    else
      return 0u;
  }
  template <int c> fn four() { return entry<c>() | entry<c + 1>() << 8 | entry<c + 2>() << 16 | entry<c + 3>() << 24; }
  fn table() { return table16{{four<0>(), four<4>(), four<8>(), four<12>()}}; }
};

// A chunk's activations of one token.
struct chunk_input {
  uint4 codes[2];
  float scale;
  i32 sums[2];  // of 16 codes each
};
template <int q> fn input_word(THREAD const chunk_input& x) {
  uint4 four = x.codes[q / 4];
  if constexpr (q % 4 == 0)
    return four.x;
  else if constexpr (q % 4 == 1)
    return four.y;
  else if constexpr (q % 4 == 2)
    return four.z;
  else
    return four.w;
}

template <class F, int q, int end, int N> fn add_quads(THREAD const chunk_words<F::code_bits>& words, table16 table,
                                                       THREAD const chunk_input (&x)[N], THREAD i32 (&sum)[N]) -> void {
  if constexpr (q < end) {
    bytes w = quad_of<F::code_bits, q, 0, F::code_bits>(words);
    if constexpr (facts<F>::table) w = table_lookup(w, table);
    UNROLL(8)
    for (int n = 0; n < N; n++) sum[n] = dot4(w, input_word<q>(x[n]), sum[n]);
    add_quads<F, q + 1, end, N>(words, table, x, sum);
  }
}

// Reads a lane's chunk of a tile in place.
struct tile_reader {
  BYTES tile;
  BYTES codes;  // the first word of the lane's
  MEMBER u32 word(int i) const { return *(DEVICE const u32*)(codes + i * 4 * lane_rows); }
  template <int n> MEMBER u32 bits(int offset) const {
    if constexpr (n == 1)
      return tile[offset];
    else if constexpr (n == 2)
      return *(DEVICE const u16*)(tile + offset);
    else
      return *(DEVICE const u32*)(tile + offset);
  }
};

template <class F> struct split_rows {
  typedef resident<F, lane_rows> L;
  typedef chunk_factors<F> Factors;
  enum { groups = Factors::groups };

  // What a tile has for group g and a row. `from.bits<n>(offset)`: the n bytes there.
  template <class Reader> fn scale_at(THREAD Reader& from, int g, int row) {
    typedef decltype(scale_of<F>(view{}, 0)) Number;
    if constexpr (L::scales == 0)
      return unit_of<F>();
    else
      return (float)Number{from.template bits<(int)L::scale_bytes>(
                 L::scales_at + ((L::scales > 1 ? g : 0) * lane_rows + row) * L::scale_bytes)} *
             unit_of<F>();
  }
  template <class Reader> fn sub_at(THREAD Reader& from, int g, int row) {
    return (i32)(i8)from.template bits<1>(L::subs_at + g * lane_rows + row);
  }
  template <class Reader> fn min_at(THREAD Reader& from, int g, int row) {
    typedef decltype(min_of<F>(view{}, 0)) Number;
    float min = (float)Number{
        from.template bits<(int)L::min_bytes>(L::mins_at + ((L::mins > 1 ? g : 0) * lane_rows + row) * L::min_bytes)};
    if constexpr (L::sub_mins > 0)
      return min * (float)(i8)from.template bits<1>(L::sub_mins_at + g * lane_rows + row);
    else
      return min;
  }

  template <class Reader> fn factors_from(THREAD Reader& from, int c, int row) -> Factors {
    Factors f;
    int first = 32 * c / (int)F::group;
    UNROLL(2)
    for (int g = 0; g < Factors::additions; g++) {
      f.scales[g] = scale_at(from, first + g, row);
      if constexpr (L::subs > 0 && !Factors::weighted) f.scales[g] = f.scales[g] * (float)sub_at(from, first + g, row);
    }
    UNROLL(2)
    for (int g = 0; g < Factors::groups; g++) {
      if constexpr (Factors::weighted) f.subs[g] = sub_at(from, first + g, row);
      if constexpr (L::mins > 0) f.mins[g] = min_at(from, first + g, row);
    }
    return f;
  }
  template <class Reader> fn words_from(THREAD Reader& from) -> chunk_words<F::code_bits> {
    chunk_words<F::code_bits> words;
    UNROLL(8)
    for (int i = 0; i < F::code_bits; i++) words.word[i] = from.word(i);
    return words;
  }
  fn codes_at(BYTES tile, int c, int row) -> BYTES { return tile + L::codes_at + c * L::chunk_bytes + 4 * row; }
  fn factors_at(BYTES tile, int c, int row) -> Factors {
    tile_reader from = {tile, tile};
    return factors_from(from, c, row);
  }
  fn words_at(BYTES tile, int c, int row) -> chunk_words<F::code_bits> {
    tile_reader from = {tile, codes_at(tile, c, row)};
    return words_from(from);
  }

  // A chunk of a row, read before it is used.
  struct Chunk {
    chunk_words<F::code_bits> codes;
    Factors factors;
  };

  // Of a chunk and a token what enters its sum.
  struct Terms {
    i32 products[groups];
    float inputs[groups], x_scale;
  };
  template <int N>
  fn terms_of(THREAD const Chunk& w, table16 table, THREAD const chunk_input (&x)[N], THREAD Terms (&to)[N]) -> void {
    i32 first[N], second[N];
    i32 zero = split_codes<F>::zero();
    UNROLL(8)
    for (int n = 0; n < N; n++) {
      first[n] = -zero * (groups == 2 ? x[n].sums[0] : x[n].sums[0] + x[n].sums[1]);
      second[n] = -zero * x[n].sums[1];
    }
    add_quads<F, 0, 8 / groups, N>(w.codes, table, x, first);
    if constexpr (groups == 2) add_quads<F, 4, 8, N>(w.codes, table, x, second);
    UNROLL(8)
    for (int n = 0; n < N; n++) {
      to[n].products[0] = first[n], to[n].x_scale = x[n].scale;
      to[n].inputs[0] = (float)(groups == 2 ? x[n].sums[0] : x[n].sums[0] + x[n].sums[1]) * x[n].scale;
      if constexpr (groups == 2) to[n].products[1] = second[n], to[n].inputs[1] = (float)x[n].sums[1] * x[n].scale;
    }
  }
  fn add(THREAD const Factors& factors, THREAD const Terms& terms, float acc) -> float {
    return Factors::accumulate(factors, terms.products, terms.inputs, terms.x_scale, acc);
  }
  // What chunk c, which is `w`, adds for N tokens.
  template <int N, class Input>
  fn add(THREAD const Chunk& w, table16 table, THREAD const Input& input, int c, THREAD float (&acc)[N]) -> void {
    chunk_input x[N];
    Terms terms[N];
    UNROLL(8)
    for (int n = 0; n < N; n++) x[n] = input.chunk(n, c);
    terms_of<N>(w, table, x, terms);
    UNROLL(8)
    for (int n = 0; n < N; n++) acc[n] = add(w.factors, terms[n], acc[n]);
  }

  fn chunk_at(BYTES tiles, int c, int row) -> Chunk {
    u32 tile_of = (u32)c / (u32)L::chunks, in_tile = (u32)c % (u32)L::chunks;  // unsigned: a shift and a mask
    BYTES tile = tiles + (i64)tile_of * (int)L::tile_bytes;
    return Chunk{words_at(tile, (int)in_tile, row), factors_at(tile, (int)in_tile, row)};
  }

  // A run's sum of the lane's row of row group `row_group`. `input.chunk(n, c)`: activations of chunk c of token n. So
  // many chunks are read before the first is used that the memory stays busy; what is left of them at the end has a
  // round of its own, so that nothing is asked in the rounds before.
  template <int N, class Input> fn sum(BYTES weights, i64 row_group, int cols, int run, THREAD const Input& input,
                                       Thread me, THREAD float (&acc)[N]) -> void {
    enum { ahead = N == 1 ? 4 : N == 2 ? 3 : 1 };
    table16 table = split_codes<F>::table();
    int chunks = cols / 32, c = run * run_chunks(chunks), end = c + run_chunks(chunks), row = (int)me.lane();
    if (end > chunks) end = chunks;
    BYTES tiles = weights + row_group * (cols / (int)F::block) * (int)L::tile_bytes;
    Chunk chunk[ahead];
    UNROLL(8)
    for (int n = 0; n < N; n++) acc[n] = 0;
    UNROLL(1)
    for (; c + ahead <= end; c += ahead) {
      UNROLL(4)
      for (int a = 0; a < ahead; a++) chunk[a] = chunk_at(tiles, c + a, row);
      UNROLL(4)
      for (int a = 0; a < ahead; a++) add<N>(chunk[a], table, input, c + a, acc);
    }
    if constexpr (ahead > 1) {
      UNROLL(4)
      for (int a = 0; a < ahead - 1; a++)
        if (c + a < end) chunk[a] = chunk_at(tiles, c + a, row);
      UNROLL(4)
      for (int a = 0; a < ahead - 1; a++)
        if (c + a < end) add<N>(chunk[a], table, input, c + a, acc);
    }
  }
};
