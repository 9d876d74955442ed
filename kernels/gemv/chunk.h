// What a chunk adds to the sums of many rows and tokens, given its products: params.h's order in floats. For CPU and
// GPU alike, in the lane vocabulary: on a GPU `floats` is a thread's float.
//
// Two groups under one float scale are weighted by their sub-scales and added as floats: a sum of products is below
// 2^24 and so exact, and the fused multiply-add rounds once, to what the exact integer would round to, if the first
// product is exact by itself (`exact`); otherwise they stay integers. `carried`: codes are already multiplied by their
// sub-scale, so that both groups are one sum of products.
#pragma once
#include "quant/facts.h"
#include "quant/resident.h"

// Factors that only some formats have; panels hold many of them in the L1 cache.
template <int groups> struct chunk_mins {
  floats mins[groups];
};  // min · sub_min
template <> struct chunk_mins<0> {};
template <int groups, bool exact> struct chunk_subs {
  floats subs[groups];
};
template <int groups> struct chunk_subs<groups, false> {
  ints subs[groups];
};
template <> struct chunk_subs<0, true> {};

template <class F, bool carried> struct chunk_facts {
  typedef resident<F, lane_rows> L;
  enum {
    groups = (int)F::group < 32 ? 2 : 1,               // of a chunk
    additions = groups == 2 && L::scales > 1 ? 2 : 1,  // of products to the sum
    sums = carried ? 1 : (int)groups,                  // of products
    weighted = sums > (int)additions&& L::subs > 0,    // by sub-scales, before they are added to each other
    largest_value = facts<F>::table ? 127 : (1 << (int)F::code_bits) - 1,
    exact = !weighted || 16 * 127 * 128 * largest_value <= 1 << 24
  };
};

template <class F, bool carried = false> struct chunk_factors
    : chunk_facts<F, carried>,
      chunk_mins<resident<F, lane_rows>::mins ? (int)chunk_facts<F, carried>::groups : 0>,
      chunk_subs<chunk_facts<F, carried>::weighted ? 2 : 0, chunk_facts<F, carried>::exact> {
  typedef chunk_facts<F, carried> Facts;
  enum {
    groups = Facts::groups,
    additions = Facts::additions,
    sums = Facts::sums,
    weighted = Facts::weighted,
    exact = Facts::exact,
    has_mins = resident<F, lane_rows>::mins > 0
  };
  floats scales[additions];  // unit · scale, and · sub where nothing else has it

  // `products`: sums by group, of whatever type the machine has: `to_floats` and `mul` read them; ints where not
  // `exact`. `inputs`: the token's activations, summed by group, as floats times x_scale.
  template <class Products> fn accumulate(THREAD const chunk_factors& f, THREAD const Products (&products)[sums],
                                          THREAD const float (&inputs)[groups], float x_scale, floats acc) {
    floats x = broadcast(x_scale);
    if constexpr (sums == (int)additions) {
      UNROLL(2)
      for (int g = 0; g < additions; g++) acc = fma(to_floats(products[g]), mul(f.scales[g], x), acc);
    } else {
      acc = fma(both(f, products), mul(f.scales[0], x), acc);
    }
    if constexpr (has_mins) {
      UNROLL(2)
      for (int g = 0; g < groups; g++) acc = fma(f.mins[g], broadcast(inputs[g]), acc);
    }
    return acc;
  }
  template <class Products> fn both(THREAD const chunk_factors& f, THREAD const Products (&products)[sums]) {
    if constexpr (!weighted)
      return to_floats(add(products[0], products[1]));
    else if constexpr (exact)
      return fma(to_floats(products[1]), f.subs[1], mul(to_floats(products[0]), f.subs[0]));
    else
      return to_floats(add(mul(products[0], f.subs[0]), mul(products[1], f.subs[1])));
  }
};
