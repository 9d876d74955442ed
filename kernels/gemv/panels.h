// Strategy for prompts: lane = row, as in rows_interleaved.h, but the weights are expanded once for all tokens of the call.
// A panel is a run of tiles of one row group (256 weights, or one block where that is longer): codes as plain bytes, scales as
// floats. It lies in the first cache while every token passes by; what rows and tokens have summed so far waits in `y`.
//
// A sub-scale is multiplied as a float: a sum of products is below 2^24 and so exact, and its product with a sub-scale rounds
// once, to what the exact integer would round to. Where two such products share a chunk, the first must be exact by itself
// (`exact`); otherwise they stay integers.
#pragma once

enum { least_panel_tokens = 16 };  // fewer do not pay for the expansion

template <class F> struct panel {
  typedef resident<F, lane_rows> L;
  enum {
    tiles = (int)F::block >= 256 ? 1 : 256 / (int)F::block,
    chunks = tiles * L::chunks,
    halves = (int)F::group < 32 ? 2 : 1,             // groups that share a chunk
    scale_halves = L::scales > 1 ? (int)halves : 1,  // float scales of a chunk
    min_halves = L::mins > 1 ? (int)halves : 1,
    largest_value = facts<F>::table ? 127 : (1 << (int)F::code_bits) - 1,
    exact = halves == 1 || scale_halves == 2 || 16 * 127 * 128 * largest_value <= 1 << 24
  };
  alignas(64) u8 codes[chunks][32 * lane_rows];
  floats scales[chunks][scale_halves], mins[chunks][min_halves], subs[chunks][halves], sub_mins[chunks][halves];
  ints whole_subs[chunks][halves];

  template <int q> static void expand_codes(const u8* chunk, bytes table, u8* to) {
    if constexpr (q < 8) {
      bytes w = quad_codes<F::code_bits, q>(chunk);
      if constexpr (facts<F>::table) w = look_up(w, table);
      store_bytes(to + q * 4 * lane_rows, w);
      expand_codes<q + 1>(chunk, table, to);
    }
  }

  void expand(const u8* tile, int count, bytes table) {
    for (int c = 0; c < count * L::chunks; c++) {
      const u8* t = tile + c / L::chunks * L::tile_bytes;
      int g = 32 * (c % L::chunks) / (int)F::group;
      expand_codes<0>(t + L::codes_at + c % L::chunks * L::chunk_bytes, table, codes[c]);
      for (int h = 0; h < scale_halves; h++) scales[c][h] = rows_interleaved_kernel<F, 1>::scale_at(t, g + h);
      if constexpr (L::subs > 0)
        for (int h = 0; h < halves; h++) whole_subs[c][h] = load_small_ints(t + L::subs_at + (g + h) * lane_rows), subs[c][h] = to_floats(whole_subs[c][h]);
      if constexpr (L::mins > 0)
        for (int h = 0; h < min_halves; h++)
          mins[c][h] = load_numbers(decltype(min_of<F>(view{}, 0)){}, t + L::mins_at + (L::mins > 1 ? g + h : 0) * lane_rows * L::min_bytes);
      if constexpr (L::sub_mins > 0)
        for (int h = 0; h < halves; h++) sub_mins[c][h] = to_floats(load_small_ints(t + L::sub_mins_at + (g + h) * lane_rows));
    }
  }

  // What chunk c adds to the sums of a token, given its products and the sums of its activations by half.
  fn add(const panel& p, int c, const ints (&v)[halves], const float* sums, float x_scale, floats acc) {
    floats x = splat(x_scale);
    if constexpr (halves == 1) {
      floats f = to_floats(v[0]);
      if constexpr (L::subs > 0) f = times(f, p.subs[c][0]);
      acc = fma(f, times(p.scales[c][0], x), acc);
    } else if constexpr (scale_halves == 2) {
      for (int h = 0; h < 2; h++) {
        floats f = to_floats(v[h]);
        if constexpr (L::subs > 0) f = times(f, p.subs[c][h]);
        acc = fma(f, times(p.scales[c][h], x), acc);
      }
    } else {
      floats f;
      if constexpr (L::subs == 0) f = to_floats(plus(v[0], v[1]));
      else if constexpr (exact) f = fma(to_floats(v[1]), p.subs[c][1], times(to_floats(v[0]), p.subs[c][0]));
      else f = to_floats(plus(times(v[0], p.whole_subs[c][0]), times(v[1], p.whole_subs[c][1])));
      acc = fma(f, times(p.scales[c][0], x), acc);
    }
    if constexpr (L::mins > 0) {
      if constexpr (min_halves == 2) {
        for (int h = 0; h < 2; h++) {
          floats s = splat(sums[h]);
          if constexpr (L::sub_mins > 0) s = times(s, p.sub_mins[c][h]);
          acc = fma(s, times(p.mins[c][h], x), acc);
        }
      } else {
        floats s;
        if constexpr (halves == 1 || L::sub_mins == 0) s = splat(halves == 1 ? sums[0] : sums[0] + sums[halves - 1]);
        else s = fma(splat(sums[1]), p.sub_mins[c][1], times(splat(sums[0]), p.sub_mins[c][0]));
        if constexpr (halves == 1 && L::sub_mins > 0) s = times(s, p.sub_mins[c][0]);
        acc = fma(s, times(p.mins[c][0], x), acc);
      }
    }
    return acc;
  }
};

// Sums of the activations of a call's tokens along one panel, as its row groups use them.
template <class F> struct panel_sums {
  enum { chunks = panel<F>::chunks, halves = panel<F>::halves };
  float real[gemv_max_tokens][chunks][halves];
  i32 offsets[gemv_max_tokens][chunks][halves];  // what the zero of the codes adds to a sum of products

  void take(const GemvParams& call, i64 k, int count) {
    int zero = lane_codes<F>::zero();
    for (int n = 0; n < call.tokens; n++) {
      const i16* from = call.x.sums + ((call.token + n) * call.cols + k) / 16;
      for (int c = 0; c < count; c++)
        for (int h = 0; h < halves; h++) {
          i32 sum = halves == 2 ? from[2 * c + h] : from[2 * c] + from[2 * c + 1];
          real[n][c][h] = (float)sum;
          offsets[n][c][h] = -zero * sum;
        }
    }
  }
};

// Σ code · x over the quads of half `half` of a chunk, for G row groups and N tokens.
template <class F, int G, int N, class Dot> fn dot_half(const panel<F>* p, int c, int half, const i8* const* x, Dot (&sum)[G][N]) -> void {
  enum { quads = 8 / panel<F>::halves };
  for (int q = 0; q < quads; q++) {
    int at = half * quads + q;
    bytes w[G];
    for (int g = 0; g < G; g++) w[g] = load_bytes(p[g].codes[c] + at * 4 * lane_rows);
    for (int n = 0; n < N; n++) {
      bytes four = repeat4(x[n] + 32 * c + 4 * at);
      for (int g = 0; g < G; g++) {
        sum[g][n].add(w[g], four);
        if ((q + 1) % Dot::fits == 0) sum[g][n].widen();
      }
    }
  }
}

// The panels of G row groups against N tokens from token n0 of the call on, lane by lane.
template <class F, int G, int N> fn panel_times_tokens(const panel<F>* p, int chunks, const GemvParams& call, i64 k, int n0, const panel_sums<F>& sums, float* y) -> void {
  typedef typename lane_dot<F, lane_codes<F>::large>::type Dot;
  enum { halves = panel<F>::halves };
  floats acc[G][N];
  const i8* codes[N];
  const float* scales[N];
  for (int n = 0; n < N; n++) {
    i64 at = (call.token + n0 + n) * call.cols + k;
    codes[n] = call.x.codes + at;
    scales[n] = call.x.scales + at / 32;
    for (int g = 0; g < G; g++) acc[g][n] = load_numbers(Float32{}, (const u8*)(y + n * gemv_max_rows + g * lane_rows));
  }
  for (int c = 0; c < chunks; c++) {
    ints v[G][N][halves];
    for (int h = 0; h < halves; h++) {
      Dot sum[G][N];
      if (lane_codes<F>::zero() != 0)
        for (int n = 0; n < N; n++)
          for (int g = 0; g < G; g++) sum[g][n].start(splat(sums.offsets[n0 + n][c][h]));
      dot_half<F, G, N>(p, c, h, codes, sum);
      for (int n = 0; n < N; n++)
        for (int g = 0; g < G; g++) v[g][n][h] = sum[g][n].total();
    }
    for (int n = 0; n < N; n++)
      for (int g = 0; g < G; g++) acc[g][n] = panel<F>::add(p[g], c, v[g][n], sums.real[n0 + n][c], scales[n][c], acc[g][n]);
  }
  for (int n = 0; n < N; n++)
    for (int g = 0; g < G; g++) store(y + n * gemv_max_rows + g * lane_rows, acc[g][n]);
}

// `call.tokens` is a multiple of panel_pass.
template <class F> void panels(const GemvParams& call) {
  typedef resident<F, lane_rows> L;
  u8 entries[16] = {};
  lane_codes<F>::tabulate(entries);
  bytes table = load_table(entries);
  int groups = (call.rows + lane_rows - 1) / lane_rows;
  i64 blocks = call.cols / F::block;
  for (int n = 0; n < call.tokens; n++)
    for (int r = 0; r < gemv_max_rows; r += lane_rows) store(call.y + n * gemv_max_rows + r, splat(0.0f));
  panel<F> p[panel_groups];
  panel_sums<F> sums;
  for (i64 b = 0; b < blocks; b += panel<F>::tiles) {
    int tiles = (int)(blocks - b < panel<F>::tiles ? blocks - b : (i64)panel<F>::tiles), chunks = tiles * L::chunks;
    i64 k = b * F::block;
    sums.take(call, k, chunks);
    for (int g = 0; g < groups; g += panel_groups) {
      for (int i = 0; i < panel_groups; i++) {  // past the last row group: once more the last one, into columns that nobody reads
        i64 group = call.row / lane_rows + (g + i < groups ? g + i : groups - 1);
        p[i].expand(call.weights + (group * blocks + b) * L::tile_bytes, tiles, table);
      }
      for (int n = 0; n < call.tokens; n += panel_pass)
        panel_times_tokens<F, panel_groups, panel_pass>(p, chunks, call, k, n, sums, call.y + n * gemv_max_rows + g * lane_rows);
    }
  }
  if (call.scale != 1)
    for (int n = 0; n < call.tokens; n++)
      for (int r = 0; r < call.rows; r++) call.y[n * gemv_max_rows + r] *= call.scale;
}
