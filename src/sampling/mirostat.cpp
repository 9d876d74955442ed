#include "sampling/mirostat.h"

#include <algorithm>
#include <cmath>

#include "sampling/samplers.h"

namespace ingot::sampling {

int32_t Mirostat::choose(Candidates& c, double chance) {
  double total;
  c.sort(c.size());
  std::span<double> weights = c.weights(total);
  size_t kept = 1;
  while (kept < c.size() && -std::log2(weights[kept] / total) <= limit_) kept++;
  c.keep_first(kept);
  size_t i = draw(c, chance);
  limit_ -= rate_ * (-std::log2(c.weights(total)[i] / total) - target_);
  return c[i].id;
}

}  // namespace ingot::sampling
