// What a panel (panels.h) stores of a chunk of one row group's codes, and its products with tokens, on machines that
// add products in 32 bits. Machines that first add pairs of them in 16 bits use panel_pairs.h.
#pragma once
#include "gemv/chunk.h"
#include "gemv/cpu/rows_interleaved.h"
#include "gemv/params.h"
#include "quant/facts.h"

// Codes that carry their sub-scale: where two groups share a chunk and a float scale, and every product of value and
// sub-scale is a byte that the machine multiplies well, an expanded code is that product, and the chunk has one sum of
// products instead of two.
static constexpr int min_of_two(int a, int b) { return a < b ? a : b; }
template <class F, bool weighted = facts<F>::affine && chunk_factors<F>::weighted> struct carried_codes {
  enum { possible = 0 };
};
template <class F> struct carried_codes<F, true> {
  typedef sub_range<F> Sub;
  static constexpr int below = -(int)F::zero, above = (1 << (int)F::code_bits) - 1 + below;  // values
  static constexpr int lowest = min_of_two(min_of_two(below * Sub::lowest, below* Sub::highest),
                                           min_of_two(above* Sub::lowest, above* Sub::highest));
  static constexpr int highest = -min_of_two(min_of_two(-below * Sub::lowest, -below* Sub::highest),
                                             min_of_two(-above* Sub::lowest, -above* Sub::highest));
  static constexpr int span = highest - lowest;
  enum { possible = span <= (int)max_carried, max_code = span, large = span > 127 };
  // What is still to be subtracted from each code.
  static constexpr int zero = -lowest - (large ? (int)signed_bias : 0);
};

// The codes of a panel in the form that its products need, made of those of the layout, group by group of a chunk.
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
      ints scale = load_small_ints(subs + g * lane_rows);
      factor[g] = repeat_bytes(scale);
      summand[g] = repeat_bytes(sub(broadcast((i32)zero()), mul(scale, broadcast((i32)F::zero))));
    }
  }
  static int zero() { return carried_codes<F>::zero; }
  bytes made_of(bytes w, int g) const { return add(mul(w, factor[g]), summand[g]); }
};

template <class F> struct summed_products {
  typedef panel_codes<F> Codes;
  typedef typename Codes::Dot Dot;
  enum { carried = carried_codes<F>::possible, sums = chunk_facts<F, carried>::sums };

  alignas(64) u8 codes[32 * lane_rows];

  template <int q> void expand_from(const u8* chunk, bytes table, const Codes& as) {
    if constexpr (q < 8) {
      bytes w = quad_codes<F::code_bits, q>(chunk);
      if constexpr (facts<F>::table) w = table_lookup(w, table);
      store_bytes(codes + q * 4 * lane_rows, as.made_of(w, q / 4));
      expand_from<q + 1>(chunk, table, as);
    }
  }
  // `chunk` and `subs`: the chunk's codes and sub-scales in their tile.
  void expand(const u8* chunk, const u8* subs, bytes table) { expand_from<0>(chunk, table, Codes(subs)); }

  // A call's tokens along one panel of at most `chunks` chunks.
  template <int chunks> struct Tokens {
    i32 offsets[gemv_max_tokens][chunks][sums];  // what the zero of the codes adds to a sum of products
    const i8* first;
    i64 apart;

    void take(const GemvParams& call, i64 k, int count) {
      i32 zero = Codes::zero();
      first = call.x.codes + call.token * call.cols + k;
      apart = call.cols;
      if (zero == 0) return;
      for (int n = 0; n < call.tokens; n++)
        for (int c = 0; c < count; c++) {
          const i16* from = call.x.sums + 2 * (((call.token + n) * call.cols + k) / 32 + c);
          if constexpr (sums == 1)
            offsets[n][c][0] = -zero * (from[0] + from[1]);
          else
            offsets[n][c][0] = -zero * from[0], offsets[n][c][1] = -zero * from[1];
        }
    }
    const i8* codes(int n) const { return first + n * apart; }
  };

  // Σ code · x of chunk c of G row groups for N tokens from token n0 on, whose codes along the panel are at `x`.
  template <int G, int N, int chunks> static void sum(const summed_products* const (&p)[G], int c,
                                                      const Tokens<chunks>& tokens, int n0, const i8* const (&x)[N],
                                                      ints (&products)[G][N][sums]) {
    enum { quads = 8 / sums };
    for (int s = 0; s < sums; s++) {
      Dot dot[G][N];
      if (Codes::zero() != 0)
        for (int n = 0; n < N; n++)
          for (int g = 0; g < G; g++) dot[g][n].start(broadcast(tokens.offsets[n0 + n][c][s]));
      for (int q = 0; q < quads; q++) {
        int at = s * quads + q;
        bytes w[G];
        for (int g = 0; g < G; g++) w[g] = load_bytes(p[g]->codes + at * 4 * lane_rows);
        for (int n = 0; n < N; n++) {
          bytes four = repeat4(x[n] + 32 * c + 4 * at);
          for (int g = 0; g < G; g++) {
            dot[g][n].add(w[g], four);
            if (q + 1 < quads && (q + 1) % Dot::fits == 0) dot[g][n].widen();
          }
        }
      }
      for (int n = 0; n < N; n++)
        for (int g = 0; g < G; g++) products[g][n][s] = dot[g][n].total();
    }
  }
};
