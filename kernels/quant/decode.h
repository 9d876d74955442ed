// The value of one weight, derived from a format's accessors: the reference for every faster path, the row lookup of
// embeddings, and the kernel of last resort. Sums and products round in the order written here.
#pragma once
#include "quant/facts.h"

// Integer value of weight i of the block (kinds affine, table, vector); fits 8 signed bits, except unsigned 8-bit codes
// with a zero, which fit after the zero is subtracted.
template <class F> fn integer_of(view b, int i) {
  if constexpr (facts<F>::affine)
    return (int)F::code(b, i) - (int)F::zero;
  else if constexpr (facts<F>::table)
    return (int)F::value(F::code(b, i));
  else
    return (int)(i8)(F::expand(F::code(b, i / 8)) >> 8 * (i % 8));
}

// w[i] of the block.
template <class F> fn decode(view b, int i) {
  int g = i / F::group;
  if constexpr (facts<F>::floating) {
    return unit_of<F>() * (float)scale_of<F>(b, g) * (float)F::value(b, i);
  } else {
    float w = unit_of<F>() * (float)scale_of<F>(b, g) * (float)sub_of<F>(b, g) * (float)integer_of<F>(b, i);
    if constexpr (facts<F>::min) w = w + (float)min_of<F>(b, g) * (float)sub_min_of<F>(b, g);
    return w;
  }
}
