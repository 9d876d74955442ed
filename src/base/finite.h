// Whether all elements of an array are finite: checked on every output of a model.
#pragma once
#include <cmath>
#include <span>

namespace ingot {

/// Without early exit, so that compilers can vectorize it.
inline bool all_finite(std::span<const float> numbers) {
  bool finite = true;
  for (float x : numbers) finite &= std::fabs(x) < INFINITY;
  return finite;
}

}  // namespace ingot
