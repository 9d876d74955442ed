// Whether all of many floats are finite: the question that every reader of a model's output asks first.
#pragma once
#include <cmath>
#include <span>

namespace ingot {

/// Looks at all of them whatever it finds, so that compilers look at several at a time.
inline bool all_finite(std::span<const float> numbers) {
  bool finite = true;
  for (float x : numbers) finite &= std::fabs(x) < INFINITY;
  return finite;
}

}  // namespace ingot
