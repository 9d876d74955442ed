// Strategy of GPUs: lane = row, as in rows_interleaved.h; the warps of a group split K between them. A load brings 128 bytes, the same
// 4 weights of 32 rows or 8 of 4 bits; activations are the same for all lanes. Reads the resident layout.
#pragma once

template <class F> struct split_codes {
  // What is still to be taken off each code.
  fn zero() {
    if constexpr (facts<F>::table) return 0;
    else return (int)F::zero() - (signed_codes<F>::flip ? 128 : 0);
  }
  template <int c> fn entry() -> u32 {
    if constexpr (facts<F>::table && c < 1 << (int)F::code_bits) return (u32)(u8)F::value(c);
    else return 0u;
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
fn input_word(THREAD const chunk_input& x, int q) {
  uint4 half = x.codes[q / 4];
  int i = q % 4;
  return i == 0 ? half.x : i == 1 ? half.y : i == 2 ? half.z : half.w;
}

template <class F, int q, int end, int N> fn add_quads(BYTES chunk, table16 table, THREAD const chunk_input (&x)[N], THREAD i32 (&sum)[N]) -> void {
  if constexpr (q < end) {
    bytes w = quad_codes<F::code_bits, q>(chunk);
    if constexpr (facts<F>::table) w = look_up(w, table);
    for (int n = 0; n < N; n++) sum[n] = dot4(w, input_word(x[n], q), sum[n]);
    add_quads<F, q + 1, end, N>(chunk, table, x, sum);
  }
}

template <class F> struct split_rows {
  typedef resident<F, lane_rows> L;
  enum { halves = (int)F::group < 32 ? 2 : 1 };

  fn scale_at(BYTES tile, int g, u32 lane) {
    if constexpr (L::scales == 0) return unit_of<F>();
    else return load_number(decltype(scale_of<F>(view{}, 0)){}, tile + L::scales_at + ((L::scales > 1 ? g : 0) * lane_rows + (int)lane) * L::scale_bytes) * unit_of<F>();
  }
  fn min_at(BYTES tile, int g, u32 lane) {
    return load_number(decltype(min_of<F>(view{}, 0)){}, tile + L::mins_at + ((L::mins > 1 ? g : 0) * lane_rows + (int)lane) * L::min_bytes);
  }
  fn sub_at(BYTES tile, int g, u32 lane) -> i32 {
    if constexpr (L::subs > 0) return (i32)(i8)tile[L::subs_at + g * lane_rows + (int)lane];
    else return 1;
  }
  fn sub_min_at(BYTES tile, int g, u32 lane) -> i32 {
    if constexpr (L::sub_mins > 0) return (i32)(i8)tile[L::sub_mins_at + g * lane_rows + (int)lane];
    else return 1;
  }

  // What chunk c of a tile adds for N tokens.
  template <int N> fn add_chunk(BYTES tile, int c, u32 lane, table16 table, THREAD const chunk_input (&x)[N], THREAD float (&acc)[N]) -> void {
    BYTES chunk = tile + L::codes_at + c * L::chunk_bytes + 4 * lane;
    int g = 32 * c / (int)F::group;
    i32 first[N], second[N];
    i32 zero = split_codes<F>::zero();
    for (int n = 0; n < N; n++) {
      first[n] = -zero * (halves == 2 ? x[n].sums[0] : x[n].sums[0] + x[n].sums[1]);
      second[n] = -zero * x[n].sums[1];
    }
    add_quads<F, 0, 8 / halves, N>(chunk, table, x, first);
    if constexpr (halves == 2) add_quads<F, 4, 8, N>(chunk, table, x, second);
    i32 sub = sub_at(tile, g, lane);
    for (int n = 0; n < N; n++) first[n] = first[n] * sub;
    float scale = scale_at(tile, g, lane);
    if constexpr (halves == 2) {
      sub = sub_at(tile, g + 1, lane);
      for (int n = 0; n < N; n++) second[n] = second[n] * sub;
      if constexpr (L::scales > 1) {  // a float scale for each half: two additions, in order
        for (int n = 0; n < N; n++) acc[n] = fma((float)first[n], scale * x[n].scale, acc[n]);
        for (int n = 0; n < N; n++) first[n] = second[n];
        scale = scale_at(tile, g + 1, lane);
      } else {
        for (int n = 0; n < N; n++) first[n] = first[n] + second[n];
      }
    }
    for (int n = 0; n < N; n++) acc[n] = fma((float)first[n], scale * x[n].scale, acc[n]);
    if constexpr (L::mins > 0) {
      float min = min_at(tile, g, lane);
      i32 sub_min = sub_min_at(tile, g, lane);
      if constexpr (halves == 1) {
        for (int n = 0; n < N; n++) acc[n] = fma((float)(sub_min * (x[n].sums[0] + x[n].sums[1])), min * x[n].scale, acc[n]);
      } else {
        i32 next = sub_min_at(tile, g + 1, lane);
        if constexpr (L::mins > 1) {
          float min_next = min_at(tile, g + 1, lane);
          for (int n = 0; n < N; n++) {
            acc[n] = fma((float)(sub_min * x[n].sums[0]), min * x[n].scale, acc[n]);
            acc[n] = fma((float)(next * x[n].sums[1]), min_next * x[n].scale, acc[n]);
          }
        } else {
          for (int n = 0; n < N; n++) acc[n] = fma((float)(sub_min * x[n].sums[0] + next * x[n].sums[1]), min * x[n].scale, acc[n]);
        }
      }
    }
  }

  // The warp's share of Σ over K for the row group's rows and N tokens. `input.chunk(n, c)`: activations of chunk c of token n.
  template <int N, class Input> fn sum(BYTES weights, i64 row_group, int cols, THREAD const Input& input, Place at, THREAD float (&acc)[N]) -> void {
    table16 table = split_codes<F>::table();
    int chunks = cols / 32;
    BYTES tiles = weights + row_group * (cols / (int)F::block) * (int)L::tile_bytes;
    for (int n = 0; n < N; n++) acc[n] = 0;
    UNROLL(N <= 2 ? 4 : 1)
    for (int c = (int)at.warp(); c < chunks; c += split_warps) {
      chunk_input x[N];
      for (int n = 0; n < N; n++) x[n] = input.chunk(n, c);
      add_chunk<N>(tiles + (i64)(c / L::chunks) * (int)L::tile_bytes, c % L::chunks, at.lane(), table, x, acc);
    }
  }
};
