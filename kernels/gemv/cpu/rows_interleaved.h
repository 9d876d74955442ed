// Strategy: lane = row. One vector holds the same weights of lane_rows rows; activations are broadcast; nothing is ever
// summed across lanes. Walks a row group's tiles along K, `N` tokens at once, so weights are decoded once for N tokens:
// N = 1 is the canonical one-token decode, larger N the small batch and the inner tile of prompts. Reads the resident
// layout.
#pragma once
#include "gemv/chunk.h"
#include "gemv/params.h"
#include "quant/facts.h"
#include "quant/resident.h"

// Integer values of kinds affine and table in the form of the machine's dot product: unsigned codes, or bytes less
// signed_bias. `zero` is what is still to be subtracted from each of them.
template <class F> struct lane_codes {
  enum {
    max_code = facts<F>::table ? 255 : (1 << (int)F::code_bits) - 1,
    large = max_code > 127,
    flip = large && !facts<F>::table && (int)signed_bias > 0 ? 0x80 : 0  // xored into the codes when they are packed
  };
  static int zero() {
    if constexpr (facts<F>::affine)
      return (int)F::zero - (large ? (int)signed_bias : 0);
    else
      return 128 - (int)signed_bias;
  }
  // Table entries as bytes: value + 128, less signed_bias.
  static void tabulate(u8* sixteen) {
    if constexpr (facts<F>::table)
      for (int c = 0; c < 16; c++)
        sixteen[c] = (u8)(c < 1 << (int)F::code_bits ? (int)F::value(c) + 128 - (int)signed_bias : 0);
  }
};
// The dot product for codes up to `max_code`, or for bytes less signed_bias.
template <class Codes, bool large = Codes::large> struct lane_dot {
  typedef dot_large type;
};
template <class Codes> struct lane_dot<Codes, false> {
  typedef dot_small<Codes::max_code> type;
};

// The codes of quad q of a chunk: from each plane the bits of that quad, shifted to their position in the code.
template <int bits, int q> fn quad_codes(const u8* chunk) {
  constexpr int p = plane_split<bits>::first, at = plane_split<bits>::rest;
  constexpr int per_byte = 8 / p, from = p * (q % per_byte);
  bytes codes = shift_and_mask<from - at>(load_bytes(chunk + q / per_byte * 4 * lane_rows), (u32)((1 << p) - 1) << at);
  if constexpr (at > 0)
    return merge(codes, quad_codes<at, q>(chunk + 4 * lane_rows * p));
  else
    return codes;
}

// Σ code · x over quads q … end−1 of the codes of a chunk of G row groups, for N tokens; `dots` independent sums each
// hide the latency of the multiply-add.
template <class F, int q, int end, int G, int N, int dots, class Dot>
fn add_quads(const u8* const (&codes)[G], bytes table, const i8* const* x, Dot (&sum)[G][N][dots], int start) -> void {
  if constexpr (q < end) {
    for (int j = 0; j < G; j++) {
      bytes w = quad_codes<F::code_bits, q>(codes[j]);
      if constexpr (facts<F>::table) w = table_lookup(w, table);
      for (int n = 0; n < N; n++) {
        sum[j][n][q % dots].add(w, repeat4(x[n] + 4 * q));
        if (q + dots < end && ((q - start) / dots + 1) % Dot::fits == 0)
          sum[j][n][q % dots].widen();  // the last ones in total()
      }
    }
    add_quads<F, q + 1, end>(codes, table, x, sum, start);
  }
}

// Σ value · x of half `half` of a chunk (the whole chunk when a group has 32 or more weights), for G row groups and N
// tokens.
template <class F, int half, int G, int N> fn sum_group(const u8* const (&codes)[G], bytes table, const i8* const* x,
                                                        const i16* const* sums, ints (&v)[G][N]) -> void {
  enum { halves = (int)F::group < 32 ? 2 : 1, quads = 8 / halves, dots = N == 1 && G < 4 ? 2 : 1 };
  typename lane_dot<lane_codes<F>>::type sum[G][N][dots];
  int zero = lane_codes<F>::zero();
  if (zero != 0)
    for (int n = 0; n < N; n++) {
      ints offset = broadcast_sum(sums[n], half == 1 ? 0 : -zero, halves == 2 && half == 0 ? 0 : -zero);
      for (int j = 0; j < G; j++) sum[j][n][0].start(offset);
    }
  add_quads<F, half * quads, (half + 1) * quads>(codes, table, x, sum, half * quads);
  for (int j = 0; j < G; j++)
    for (int n = 0; n < N; n++) {
      v[j][n] = sum[j][n][0].total();
      if constexpr (dots == 2) v[j][n] = add(v[j][n], sum[j][n][1].total());
    }
}

// Factors of chunk c of a tile.
template <class F, bool carried = false> fn factors_at(const u8* tile, int c) -> chunk_factors<F, carried> {
  typedef resident<F, lane_rows> L;
  typedef chunk_factors<F, carried> Factors;
  Factors f;
  int g = 32 * c / (int)F::group;
  for (int h = 0; h < Factors::additions; h++) {
    if constexpr (L::scales == 0)
      f.scales[h] = broadcast(unit_of<F>());
    else {
      f.scales[h] = load_numbers(decltype(scale_of<F>(view{}, 0)){},
                                 tile + L::scales_at + (L::scales > 1 ? g + h : 0) * lane_rows * L::scale_bytes);
      if constexpr (has_unit<F>::value) f.scales[h] = mul(f.scales[h], broadcast(unit_of<F>()));
    }
    if constexpr (L::subs > 0 && !Factors::weighted && !carried)
      f.scales[h] = mul(f.scales[h], to_floats(load_small_ints(tile + L::subs_at + (g + h) * lane_rows)));
  }
  for (int h = 0; h < Factors::groups; h++) {
    if constexpr (Factors::weighted) {
      ints sub = load_small_ints(tile + L::subs_at + (g + h) * lane_rows);
      if constexpr (Factors::exact)
        f.subs[h] = to_floats(sub);
      else
        f.subs[h] = sub;
    }
    if constexpr (L::mins > 0)
      f.mins[h] = load_numbers(decltype(min_of<F>(view{}, 0)){},
                               tile + L::mins_at + (L::mins > 1 ? g + h : 0) * lane_rows * L::min_bytes);
    if constexpr (L::sub_mins > 0)
      f.mins[h] = mul(f.mins[h], to_floats(load_small_ints(tile + L::sub_mins_at + (g + h) * lane_rows)));
  }
  return f;
}

// Activations of a chunk, summed by group, to be multiplied by its minima.
template <class F> fn sum_inputs(const i16* sums, float x_scale, float (&inputs)[chunk_factors<F>::groups]) -> void {
  if constexpr (chunk_factors<F>::groups == 1)
    inputs[0] = (float)(sums[0] + sums[1]) * x_scale;
  else
    inputs[0] = (float)sums[0] * x_scale, inputs[1] = (float)sums[1] * x_scale;
}

// A compile-time constant, where another caller passes a number known only at run time.
template <int number> struct constant {
  operator i64() const { return number; }
};
enum {
  ahead_at_once = 2048
};  // with several row groups too few address registers are left for a runtime prefetch distance

template <class F, int N, int G = 1> struct rows_interleaved_kernel {
  typedef resident<F, lane_rows> L;
  enum { groups = chunk_factors<F>::groups };

  // `tile`: the first of G consecutive row groups, whose outputs are consecutive too.
  template <class Distance> static void run(const u8* tile, i64 blocks, const Activations& x, i64 cols, i64 token,
                                            float* const* y, float scale, Distance distance) {
    const i64 ahead = distance;
    u8 entries[16] = {};
    lane_codes<F>::tabulate(entries);
    bytes table = load_table(entries);
    i64 apart = blocks * L::tile_bytes;
    floats acc[G][N];
    const i8* xc[N];
    const float* xs[N];
    const i16* sums[N];
    for (int n = 0; n < N; n++) {
      for (int j = 0; j < G; j++) acc[j][n] = broadcast(0.0f);
      xc[n] = x.codes + (token + n) * cols;
      xs[n] = x.scales + (token + n) * (cols / 32);
      sums[n] = x.sums + (token + n) * (cols / 16);
    }
    const u8* tiles[G];
    for (int j = 0; j < G; j++) tiles[j] = tile + j * apart;
    for (i64 b = 0; b < blocks; b++) {
      for (int c = 0; c < L::chunks; c++) {
        if (ahead > 0)
          for (int j = 0; j < G; j++)
            for (int at = c * L::tile_bytes / L::chunks; at < (c + 1) * L::tile_bytes / L::chunks; at += 64)
              prefetch(tiles[j] + at + ahead);
        const u8* codes[G];
        for (int j = 0; j < G; j++) codes[j] = tiles[j] + L::codes_at + c * L::chunk_bytes;
        ints products[groups][G][N];
        sum_group<F, 0>(codes, table, xc, sums, products[0]);
        if constexpr (groups == 2) sum_group<F, 1>(codes, table, xc, sums, products[1]);
        float inputs[N][groups] = {};
        if constexpr (L::mins > 0)
          for (int n = 0; n < N; n++) sum_inputs<F>(sums[n], xs[n][0], inputs[n]);
        for (int j = 0; j < G; j++) {
          chunk_factors<F> f = factors_at<F>(tiles[j], c);
          for (int n = 0; n < N; n++) {
            ints of[groups];
            for (int h = 0; h < groups; h++) of[h] = products[h][j][n];
            acc[j][n] = chunk_factors<F>::accumulate(f, of, inputs[n], xs[n][0], acc[j][n]);
          }
        }
        for (int n = 0; n < N; n++) xc[n] += 32, xs[n] += 1, sums[n] += 2;
      }
      for (int j = 0; j < G; j++) tiles[j] += L::tile_bytes;
    }
    for (int j = 0; j < G; j++)
      for (int n = 0; n < N; n++) store(y[n] + j * lane_rows, mul(acc[j][n], broadcast(scale)));
  }
};

// Row groups of the call from row `r` on, G at once and the rest one by one, N tokens from `token` on, prefetched
// `ahead` bytes before use.
template <class F, int N, int G = 1, class Distance>
fn rows_interleaved_tokens(const GemvParams& p, int done, Distance ahead, int r = 0) -> void {
  typedef resident<F, lane_rows> L;
  i64 blocks = p.cols / F::block;
  for (; r + (G - 1) * lane_rows < p.rows; r += G * lane_rows) {
    const u8* tile = p.weights + (p.row + r) / lane_rows * blocks * L::tile_bytes;
    float* y[N];
    for (int n = 0; n < N; n++) y[n] = p.y + (done + n) * gemv_max_rows + r;
    rows_interleaved_kernel<F, N, G>::run(tile, blocks, p.x, p.cols, p.token + done, y, p.scale, ahead);
  }
  if constexpr (G > 1) rows_interleaved_tokens<F, N>(p, done, p.prefetch.ahead, r);
}

template <class F> static void rows_interleaved(const GemvParams& p) {
  int done = 0, ahead = p.prefetch.ahead;
  if constexpr (token_block >= 8)
    for (; p.tokens - done >= 8; done += 8) rows_interleaved_tokens<F, 8>(p, done, ahead);
  for (; p.tokens - done >= 4; done += 4) rows_interleaved_tokens<F, 4>(p, done, ahead);
  for (; p.tokens - done >= 2; done += 2) rows_interleaved_tokens<F, 2>(p, done, ahead);
  if (p.tokens - done == 0) return;
  if (decode_groups == 1 || !p.prefetch.at_once)
    rows_interleaved_tokens<F, 1>(p, done, ahead);
  else if (ahead > 0)
    rows_interleaved_tokens<F, 1, decode_groups>(p, done, constant<ahead_at_once>{});
  else
    rows_interleaved_tokens<F, 1, decode_groups>(p, done, constant<0>{});
}
