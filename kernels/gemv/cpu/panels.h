// Strategy for prompts: lane = row, as in rows_interleaved.h, but the weights are expanded once for all tokens of the
// call. A panel is a run of tiles of one row group (256 weights, or one block where that is longer): codes as plain
// bytes, scales as floats. It stays in the L1 cache while all tokens are multiplied with it; partial sums of rows and
// tokens are kept in `y`.
#pragma once
#include "gemv/chunk.h"
#include "gemv/cpu/panel_pairs.h"
#include "gemv/cpu/panel_products.h"
#include "gemv/cpu/rows_interleaved.h"
#include "gemv/params.h"
#include "quant/resident.h"

enum { min_panel_tokens = 16 };  // fewer do not repay the expansion

template <class F> struct panel {
  typedef resident<F, lane_rows> L;
  typedef typename products_of<F, adds_pairs>::type Products;
  typedef chunk_factors<F, Products::carried> Factors;
  enum { tiles = (int)F::block >= 256 ? 1 : 256 / (int)F::block, chunks = tiles * L::chunks };
  Products products[chunks];
  Factors factors[chunks];

  void expand(const u8* tile, int count, bytes table) {
    for (int c = 0; c < count * L::chunks; c++) {
      int in_tile = c % L::chunks;
      const u8* t = tile + c / L::chunks * L::tile_bytes;
      products[c].expand(t + L::codes_at + in_tile * L::chunk_bytes,
                         t + L::subs_at + in_tile * Factors::groups * lane_rows, table);
      factors[c] = factors_at<F, Products::carried>(t, in_tile);
    }
  }
};

// The activations of a call's tokens along one panel, as its row groups use them.
template <class F> struct panel_tokens {
  typedef typename panel<F>::Factors Factors;
  enum { chunks = panel<F>::chunks, groups = Factors::groups };
  float inputs[gemv_max_tokens][chunks][groups];  // sums by group, to be multiplied by minima
  typename panel<F>::Products::template Tokens<chunks> codes;

  void take(const GemvParams& call, i64 k, int count) {
    codes.take(call, k, count);
    if (!Factors::has_mins) return;
    for (int n = 0; n < call.tokens; n++) {
      i64 at = ((call.token + n) * call.cols + k) / 32;
      for (int c = 0; c < count; c++) sum_inputs<F>(call.x.sums + 2 * (at + c), call.x.scales[at + c], inputs[n][c]);
    }
  }
};

// Multiplies the panels of G row groups by N tokens, from token n0 of the call on, lane by lane.
template <class F, int G, int N> fn panel_times_tokens(const panel<F>* p, int chunks, const GemvParams& call, i64 k,
                                                       int n0, const panel_tokens<F>& tokens, float* y) -> void {
  typedef typename panel<F>::Products Products;
  typedef typename panel<F>::Factors Factors;
  floats acc[G][N];
  const i8* codes[N];
  const float* scales[N];
  for (int n = 0; n < N; n++) {
    codes[n] = tokens.codes.codes(n0 + n);
    scales[n] = call.x.scales + ((call.token + n0 + n) * call.cols + k) / 32;
    for (int g = 0; g < G; g++) acc[g][n] = load_numbers(Float32{}, (const u8*)(y + n * gemv_max_rows + g * lane_rows));
  }
  for (int c = 0; c < chunks; c++) {
    const Products* of[G];
    for (int g = 0; g < G; g++) of[g] = &p[g].products[c];
    ints products[G][N][Products::sums];
    Products::sum(of, c, tokens.codes, n0, codes, products);
    for (int n = 0; n < N; n++)
      for (int g = 0; g < G; g++)
        acc[g][n] =
            Factors::accumulate(p[g].factors[c], products[g][n], tokens.inputs[n0 + n][c], scales[n][c], acc[g][n]);
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
    for (int r = 0; r < gemv_max_rows; r += lane_rows) store(call.y + n * gemv_max_rows + r, broadcast(0.0f));
  panel<F> p[panel_groups];
  panel_tokens<F> tokens;
  for (i64 b = 0; b < blocks; b += panel<F>::tiles) {
    int tiles = (int)(blocks - b < panel<F>::tiles ? blocks - b : (i64)panel<F>::tiles), chunks = tiles * L::chunks;
    i64 k = b * F::block;
    tokens.take(call, k, chunks);
    for (int g = 0; g < groups; g += panel_groups) {
      for (int i = 0; i < panel_groups; i++) {  // past the last row group: repeat the last one; its outputs are ignored
        i64 group = call.row / lane_rows + (g + i < groups ? g + i : groups - 1);
        const u8* tile = call.weights + (group * blocks + b) * L::tile_bytes;
        p[i].expand(tile, tiles, table);
        if (call.prefetch.ahead > 0)  // prefetch the next panel while tokens use this one
          for (int at = 0; at < tiles * L::tile_bytes; at += 64) prefetch(tile + tiles * L::tile_bytes + at);
      }
      for (int n = 0; n < call.tokens; n += panel_pass)
        panel_times_tokens<F, panel_groups, panel_pass>(p, chunks, call, k, n, tokens,
                                                        call.y + n * gemv_max_rows + g * lane_rows);
    }
  }
  if (call.scale != 1)
    for (int n = 0; n < call.tokens; n++)
      for (int r = 0; r < call.rows; r++) call.y[n * gemv_max_rows + r] *= call.scale;
}
