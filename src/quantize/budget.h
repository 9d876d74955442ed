// Which format each tensor gets where the sum of their bytes is limited: so that the sum of the costs is least.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "quantize/errors.h"

namespace ingot::quantize {

/// Of the choices of one tensor those on the lower convex hull of cost over bytes, from the fewest bytes on: each
/// further byte of a choice saves less than those before it.
std::vector<Choice> hull_of(std::vector<Choice> choices);

struct Spending {
  std::vector<size_t> chosen;  ///< of each tensor's hull
  uint64_t bytes = 0;
  double saving = 0;    ///< cost that the last step up saved per byte; 0: there was none
  double left_out = 0;  ///< most cost per byte that a step which did not fit would have saved; 0: all did
};

/// Starts with the fewest bytes for each tensor and takes the steps that save most cost per byte as long as they fit.
/// Of equal ones the earlier tensor's comes first. The result is within one step of the best. Where not even the
/// fewest bytes fit, `bytes` is more than `budget`.
Spending spend(std::span<const std::vector<Choice>> hulls, uint64_t budget);

}  // namespace ingot::quantize
