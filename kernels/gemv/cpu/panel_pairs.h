// What a panel (panels.h) stores of a chunk of one row group's codes, and its products with tokens, on machines that
// multiply unsigned by signed bytes and add pairs of products in 16 bits, with the words of the machine's `adds_pairs`,
// W. Two kinds, the same sums:
//   pair_products   weights of at most 64 in magnitude. Activations are taken as x + 128, unsigned, and sums start at
//                   −128 · Σ w. 16 bits may overflow on the way, since they wrap back: only Σ w · x itself must fit, so
//                   as many quads are added as allow that. Widening multiplies by the sub-scale where a group has one.
//   size_products   any signed bytes. |w| times x with its bits inverted where w < 0: w · x = |w| · (x ^ −1) + |w|
//                   there.
// In both, the correction of a sum depends on rows alone, and is computed once for all tokens.
#pragma once
#include "gemv/chunk.h"
#include "gemv/cpu/panel_products.h"
#include "gemv/cpu/rows_interleaved.h"
#include "gemv/params.h"
#include "quant/facts.h"

template <class F, bool affine = facts<F>::affine> struct value_range {
  static constexpr int lowest = -128, highest = 127, zero = 0;
};
template <class F> struct value_range<F, true> {
  static constexpr int lowest = -(int)F::zero, highest = (1 << (int)F::code_bits) - 1 - (int)F::zero,
                       zero = (int)F::zero - (int)lane_codes<F>::flip;
};

template <class F> struct signed_weights {
  typedef value_range<F> Range;
  static constexpr int bound = -Range::lowest > Range::highest ? -Range::lowest : Range::highest;
  enum { exist = Range::lowest >= -128 && Range::highest <= 127, small = bound <= 64 };

  // The weights of quad q of a chunk, as signed bytes.
  template <int q> fn quad(const u8* chunk, bytes table, bytes minus_zero) -> bytes {
    bytes w = quad_codes<F::code_bits, q>(chunk);
    if constexpr (facts<F>::table)
      return table_lookup(w, table);
    else
      return Range::zero == 0 ? w : add(w, minus_zero);
  }
  fn minus_zero() { return repeat_bytes(broadcast((i32)-Range::zero)); }
};

// The codes of a call's tokens along one panel of at most `chunks` chunks, adjacent and with some bits flipped.
template <int chunks, int flip> struct flipped_tokens {
  alignas(64) i8 first[gemv_max_tokens][chunks * 32];

  void take(const GemvParams& call, i64 k, int count) {
    for (int n = 0; n < call.tokens; n++) {
      const i8* from = call.x.codes + (call.token + n) * call.cols + k;
      for (int i = 0; i < 32 * count; i++) first[n][i] = (i8)(from[i] ^ flip);
    }
  }
  const i8* codes(int n) const { return first[n]; }
};

template <class F, class W> struct pair_products {
  typedef signed_weights<F> Weights;
  typedef typename W::pairs pairs;
  enum {
    groups = chunk_facts<F, false>::groups,
    carried = chunk_facts<F, false>::weighted,
    sums = carried ? 1 : (int)groups,
    fits = 32767 / (2 * 127 * Weights::bound),  // quads whose sum fits 16 bits
    quads = fits >= 8 / groups ? 8 / groups
            : fits >= 4        ? 4
            : fits >= 2        ? 2
                               : 1,  // of a part, which is added in 16 bits
    parts = 8 / quads
  };
  static_assert(fits >= 1);

  alignas(64) u8 weights[8][4 * lane_rows];
  i16 starts[parts][2 * lane_rows];
  i16 factors[groups][2 * lane_rows];  // sub-scales, each twice; only where they are carried

  template <int q> void expand_from(const u8* chunk, bytes table, bytes minus_zero, bytes bias, pairs start) {
    if constexpr (q < 8) {
      bytes w = Weights::template quad<q>(chunk, table, minus_zero);
      store_bytes(weights[q], w);
      start = W::sub(q % quads == 0 ? W::none() : start, W::multiply(bias, w));
      if constexpr (q % quads == quads - 1) W::store(starts[q / quads], start);
      expand_from<q + 1>(chunk, table, minus_zero, bias, start);
    }
  }
  void expand(const u8* chunk, const u8* subs, bytes table) {
    expand_from<0>(chunk, table, Weights::minus_zero(), repeat_bytes(broadcast((i32)128)), W::none());
    if constexpr (carried)
      for (int g = 0; g < groups; g++) W::store(factors[g], W::twice(load_small_ints(subs + g * lane_rows)));
  }

  template <int chunks> struct Tokens : flipped_tokens<chunks, -128> {};

  template <int q, int end, int G, int N>
  static void add_quads(const pair_products* const (&p)[G], const i8* const (&x)[N], pairs (&sum)[G][N]) {
    if constexpr (q < end) {
      bytes w[G];
      for (int g = 0; g < G; g++) w[g] = load_bytes(p[g]->weights[q]);
      for (int n = 0; n < N; n++) {
        bytes four = repeat4(x[n] + 4 * q);
        for (int g = 0; g < G; g++) sum[g][n] = W::add(sum[g][n], W::multiply(four, w[g]));
      }
      add_quads<q + 1, end>(p, x, sum);
    }
  }
  template <int part, int G, int N>
  static void add_parts(const pair_products* const (&p)[G], const i8* const (&x)[N], ints (&products)[G][N][sums]) {
    if constexpr (part < parts) {
      constexpr int group = part * quads / (8 / groups), to = carried ? 0 : group;
      constexpr bool first = carried ? part == 0 : part * quads % (8 / groups) == 0;
      pairs sum[G][N];
      for (int g = 0; g < G; g++)
        for (int n = 0; n < N; n++) sum[g][n] = W::load(p[g]->starts[part]);
      add_quads<part * quads, (part + 1) * quads>(p, x, sum);
      for (int g = 0; g < G; g++)
        for (int n = 0; n < N; n++) {
          ints widened = W::widen(sum[g][n], carried ? W::load(p[g]->factors[group]) : W::ones());
          products[g][n][to] = first ? widened : add(products[g][n][to], widened);
        }
      add_parts<part + 1>(p, x, products);
    }
  }
  template <int G, int N, int chunks> static void sum(const pair_products* const (&p)[G], int c, const Tokens<chunks>&,
                                                      int, const i8* const (&x)[N], ints (&products)[G][N][sums]) {
    const i8* at[N];
    for (int n = 0; n < N; n++) at[n] = x[n] + 32 * c;
    add_parts<0>(p, at, products);
  }
};

template <class F, class W> struct size_products {
  typedef signed_weights<F> Weights;
  enum { carried = 0, groups = chunk_facts<F, false>::groups, sums = groups };

  alignas(64) u8 sizes[8][4 * lane_rows];
  u8 below_zero[8][4 * lane_rows];  // all bits of a byte, or none
  ints starts[sums];

  template <int q> void expand_from(const u8* chunk, bytes table, bytes minus_zero, ints start) {
    if constexpr (q < 8) {
      enum { quads = 8 / sums };
      bytes w = Weights::template quad<q>(chunk, table, minus_zero), size = W::abs(w), below = W::below_zero(w);
      store_bytes(sizes[q], size);
      store_bytes(below_zero[q], below);
      start = sub(q % quads == 0 ? broadcast((i32)0) : start, W::widen(W::multiply(size, below), W::ones()));
      if constexpr (q % quads == quads - 1) starts[q / quads] = start;
      expand_from<q + 1>(chunk, table, minus_zero, start);
    }
  }
  void expand(const u8* chunk, const u8*, bytes table) {
    expand_from<0>(chunk, table, Weights::minus_zero(), broadcast((i32)0));
  }

  template <int chunks> struct Tokens : flipped_tokens<chunks, 0> {};

  template <int q, int end, int G, int N>
  static void add_quads(const size_products* const (&p)[G], const i8* const (&x)[N], ints (&sum)[G][N]) {
    if constexpr (q < end) {
      bytes size[G], below[G];
      for (int g = 0; g < G; g++) size[g] = load_bytes(p[g]->sizes[q]), below[g] = load_bytes(p[g]->below_zero[q]);
      for (int n = 0; n < N; n++) {
        bytes four = repeat4(x[n] + 4 * q);
        for (int g = 0; g < G; g++)
          sum[g][n] = W::add(sum[g][n], W::widen(W::multiply(size[g], W::inverted(four, below[g])), W::ones()));
      }
      add_quads<q + 1, end>(p, x, sum);
    }
  }
  template <int s, int G, int N>
  static void add_groups(const size_products* const (&p)[G], const i8* const (&x)[N], ints (&products)[G][N][sums]) {
    if constexpr (s < sums) {
      ints sum[G][N];
      for (int g = 0; g < G; g++)
        for (int n = 0; n < N; n++) sum[g][n] = p[g]->starts[s];
      add_quads<s * 8 / sums, (s + 1) * 8 / sums>(p, x, sum);
      for (int g = 0; g < G; g++)
        for (int n = 0; n < N; n++) products[g][n][s] = sum[g][n];
      add_groups<s + 1>(p, x, products);
    }
  }
  template <int G, int N, int chunks> static void sum(const size_products* const (&p)[G], int c, const Tokens<chunks>&,
                                                      int, const i8* const (&x)[N], ints (&products)[G][N][sums]) {
    const i8* at[N];
    for (int n = 0; n < N; n++) at[n] = x[n] + 32 * c;
    add_groups<0>(p, at, products);
  }
};

// Which products a machine uses. `W` is void where it has no words for pairs.
template <class F, class W, bool exist = signed_weights<F>::exist, bool small = signed_weights<F>::small>
struct products_of {
  typedef summed_products<F> type;
};
template <class F> struct products_of<F, void, true, true> {
  typedef summed_products<F> type;
};
template <class F> struct products_of<F, void, true, false> {
  typedef summed_products<F> type;
};
template <class F, class W> struct products_of<F, W, true, true> {
  typedef pair_products<F, W> type;
};
template <class F, class W> struct products_of<F, W, true, false> {
  typedef size_products<F, W> type;
};
