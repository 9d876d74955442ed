// Strategy for prompts: lane = row, as in rows_interleaved.h, but the weights are expanded once for all tokens of the call.
// A panel is a run of tiles of one row group (256 weights, or one block where that is longer): codes as plain bytes, scales as
// floats. It lies in the first cache while every token passes by; what rows and tokens have summed so far waits in `y`.
#pragma once

enum { least_panel_tokens = 16 };  // fewer do not pay for the expansion

// Codes that carry their sub-scale: where two groups share a chunk and a float scale, and every product of value and sub-scale is a byte
// that the machine multiplies well, an expanded code is that product, and the chunk has one sum of products instead of two.
static constexpr int least_of(int a, int b) { return a < b ? a : b; }
template <class F, bool weighted = facts<F>::affine && chunk_factors<F>::weighted> struct carried_codes {
  enum { possible = 0 };
};
template <class F> struct carried_codes<F, true> {
  typedef sub_range<F> Sub;
  static constexpr int below = -(int)F::zero, above = (1 << (int)F::code_bits) - 1 + below;  // values
  static constexpr int least = least_of(least_of(below * Sub::least, below * Sub::most), least_of(above * Sub::least, above * Sub::most));
  static constexpr int most = -least_of(least_of(-below * Sub::least, -below * Sub::most), least_of(-above * Sub::least, -above * Sub::most));
  static constexpr int span = most - least;
  enum { possible = span <= (int)most_carried, max_code = span, large = span > 127 };
  // What is still to be subtracted from each code.
  static constexpr int zero = -least - (large ? (int)signed_bias : 0);
};

// The codes of a panel as its products take them: how they are made of those of the layout, group by group of a chunk.
template <class F, bool carried = carried_codes<F>::possible> struct panel_codes {
  typedef typename lane_dot<lane_codes<F>>::type Dot;
  panel_codes(const u8*) {}
  static int zero() { return lane_codes<F>::zero(); }
  bytes made_of(bytes w, int) const { return w; }
};
template <class F> struct panel_codes<F, true> {
  typedef typename lane_dot<carried_codes<F>>::type Dot;
  bytes factor[2], summand[2];
  panel_codes(const u8* subs) {
    for (int g = 0; g < 2; g++) {
      ints sub = load_small_ints(subs + g * lane_rows);
      factor[g] = repeat_bytes(sub);
      summand[g] = repeat_bytes(minus(splat((i32)zero()), times(sub, splat((i32)F::zero))));
    }
  }
  static int zero() { return carried_codes<F>::zero; }
  bytes made_of(bytes w, int g) const { return plus(times(w, factor[g]), summand[g]); }
};

template <class F> struct panel {
  typedef resident<F, lane_rows> L;
  typedef panel_codes<F> Codes;
  typedef chunk_factors<F, carried_codes<F>::possible> Factors;
  enum { tiles = (int)F::block >= 256 ? 1 : 256 / (int)F::block, chunks = tiles * L::chunks };
  alignas(64) u8 codes[chunks][32 * lane_rows];
  Factors factors[chunks];

  template <int q> static void expand_codes(const u8* chunk, bytes table, const Codes& as, u8* to) {
    if constexpr (q < 8) {
      bytes w = quad_codes<F::code_bits, q>(chunk);
      if constexpr (facts<F>::table) w = look_up(w, table);
      store_bytes(to + q * 4 * lane_rows, as.made_of(w, q / 4));
      expand_codes<q + 1>(chunk, table, as, to);
    }
  }

  void expand(const u8* tile, int count, bytes table) {
    for (int c = 0; c < count * L::chunks; c++) {
      int in_tile = c % L::chunks;
      const u8* t = tile + c / L::chunks * L::tile_bytes;
      expand_codes<0>(t + L::codes_at + in_tile * L::chunk_bytes, table, Codes(t + L::subs_at + in_tile * Factors::groups * lane_rows), codes[c]);
      factors[c] = factors_at<F, carried_codes<F>::possible>(t, in_tile);
    }
  }
};

// Sums of the activations of a call's tokens along one panel, as its row groups use them.
template <class F> struct panel_sums {
  typedef typename panel<F>::Factors Factors;
  enum { chunks = panel<F>::chunks, groups = Factors::groups, sums = Factors::sums };
  float inputs[gemv_max_tokens][chunks][groups];
  i32 offsets[gemv_max_tokens][chunks][sums];  // what the zero of the codes adds to a sum of products

  void take(const GemvParams& call, i64 k, int count) {
    i32 zero = panel_codes<F>::zero();
    for (int n = 0; n < call.tokens; n++) {
      i64 at = ((call.token + n) * call.cols + k) / 32;
      for (int c = 0; c < count; c++) {
        const i16* from = call.x.sums + 2 * (at + c);
        if (Factors::has_mins) sum_inputs<F>(from, call.x.scales[at + c], inputs[n][c]);
        if (zero == 0) continue;
        if constexpr (sums == 1) offsets[n][c][0] = -zero * (from[0] + from[1]);
        else offsets[n][c][0] = -zero * from[0], offsets[n][c][1] = -zero * from[1];
      }
    }
  }
};

// Σ code · x over the quads of sum s of a chunk, for G row groups and N tokens.
template <class F, int G, int N, class Dot> fn dot_part(const panel<F>* p, int c, int s, const i8* const* x, Dot (&sum)[G][N]) -> void {
  enum { quads = 8 / panel<F>::Factors::sums };
  for (int q = 0; q < quads; q++) {
    int at = s * quads + q;
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
  typedef typename panel<F>::Factors Factors;
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
    ints products[G][N][Factors::sums];
    for (int s = 0; s < Factors::sums; s++) {
      typename panel_codes<F>::Dot sum[G][N];
      if (panel_codes<F>::zero() != 0)
        for (int n = 0; n < N; n++)
          for (int g = 0; g < G; g++) sum[g][n].start(splat(sums.offsets[n0 + n][c][s]));
      dot_part<F, G, N>(p, c, s, codes, sum);
      for (int n = 0; n < N; n++)
        for (int g = 0; g < G; g++) products[g][n][s] = sum[g][n].total();
    }
    for (int n = 0; n < N; n++)
      for (int g = 0; g < G; g++) acc[g][n] = Factors::add(p[g].factors[c], products[g][n], sums.inputs[n0 + n][c], scales[n][c], acc[g][n]);
  }
  for (int n = 0; n < N; n++)
    for (int g = 0; g < G; g++) store(y + n * gemv_max_rows + g * lane_rows, acc[g][n]);
}

// `call.tokens` is a multiple of panel_pass.
template <class F> static void panels(const GemvParams& call) {
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
        const u8* tile = call.weights + (group * blocks + b) * L::tile_bytes;
        p[i].expand(tile, tiles, table);
        if (call.reading.ahead > 0)  // the next panel, while tokens pass by this one
          for (int at = 0; at < tiles * L::tile_bytes; at += 64) prefetch(tile + tiles * L::tile_bytes + at);
      }
      for (int n = 0; n < call.tokens; n += panel_pass)
        panel_times_tokens<F, panel_groups, panel_pass>(p, chunks, call, k, n, sums, call.y + n * gemv_max_rows + g * lane_rows);
    }
  }
  if (call.scale != 1)
    for (int n = 0; n < call.tokens; n++)
      for (int r = 0; r < call.rows; r++) call.y[n * gemv_max_rows + r] *= call.scale;
}
