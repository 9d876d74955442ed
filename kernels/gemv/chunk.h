// What a chunk adds to the sums of many rows and tokens, given its products: params.h's order in floats. For CPU and GPU alike, in the
// lane vocabulary: on a GPU `floats` is a thread's float.
//
// A sub-scale is multiplied as a float: a sum of products is below 2^24 and so exact, and its product with a sub-scale rounds
// once, to what the exact integer would round to. Where two such products share a chunk, the first must be exact by itself
// (`exact`); otherwise they stay integers.
#pragma once

template <class F> struct chunk_factors {
  typedef resident<F, lane_rows> L;
  enum {
    halves = (int)F::group < 32 ? 2 : 1,             // groups that share a chunk
    scale_halves = L::scales > 1 ? (int)halves : 1,  // float scales of a chunk
    min_halves = L::mins > 1 ? (int)halves : 1,
    largest_value = facts<F>::table ? 127 : (1 << (int)F::code_bits) - 1,
    exact = halves == 1 || scale_halves == 2 || 16 * 127 * 128 * largest_value <= 1 << 24
  };
  floats scales[scale_halves], mins[min_halves], subs[halves], sub_mins[halves];
  ints whole_subs[halves];  // read only where not `exact`

  // `products`: sums by half, in whatever the machine has them: `to_floats` and `times` read them; ints where not `exact`. `sums`: of
  // the token's activations, by half.
  template <class Products> fn add(THREAD const chunk_factors& f, THREAD const Products (&products)[halves], THREAD const float (&sums)[halves], float x_scale, floats acc) {
    floats x = splat(x_scale);
    if constexpr (halves == 1 || scale_halves == 2) {
      UNROLL(2)
      for (int h = 0; h < halves; h++) acc = fma(scaled(f, products[h], h), times(f.scales[h], x), acc);
    } else {
      acc = fma(both(f, products), times(f.scales[0], x), acc);
    }
    if constexpr (L::mins > 0) {
      if constexpr (halves == 1 || min_halves == 2) {
        UNROLL(2)
        for (int h = 0; h < halves; h++) acc = fma(lowered(f, splat(sums[h]), h), times(f.mins[h], x), acc);
      } else if constexpr (L::sub_mins > 0) {
        acc = fma(fma(splat(sums[1]), f.sub_mins[1], times(splat(sums[0]), f.sub_mins[0])), times(f.mins[0], x), acc);
      } else {
        acc = fma(splat(sums[0] + sums[1]), times(f.mins[0], x), acc);
      }
    }
    return acc;
  }
  template <class Products> fn scaled(THREAD const chunk_factors& f, Products products, int h) {
    if constexpr (L::subs > 0) return times(products, f.subs[h]);
    else return to_floats(products);
  }
  fn lowered(THREAD const chunk_factors& f, floats sums, int h) {
    if constexpr (L::sub_mins > 0) return times(sums, f.sub_mins[h]);
    else return sums;
  }
  // Of the halves of a chunk that share a float scale.
  template <class Products> fn both(THREAD const chunk_factors& f, THREAD const Products (&products)[halves]) {
    if constexpr (L::subs == 0) return plus(to_floats(products[0]), to_floats(products[1]));
    else if constexpr (exact) return fma(to_floats(products[1]), f.subs[1], times(products[0], f.subs[0]));
    else return to_floats(plus(times(products[0], f.whole_subs[0]), times(products[1], f.whole_subs[1])));
  }
};
