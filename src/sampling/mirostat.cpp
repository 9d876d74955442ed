#include "sampling/mirostat.h"

#include <algorithm>
#include <cmath>

#include "sampling/samplers.h"

namespace ingot::sampling {

int32_t Mirostat::choose(Candidates& c, double chance) {
  double total;
  c.weights(total);
  double max_logit = c.best().logit;
  size_t kept = 1;
  for (size_t sorted = 0; kept < c.size(); kept++) {
    if (kept >= sorted) c.sort(sorted = 8 * sorted + 64);
    if (-std::log2(std::exp(c[kept].logit - max_logit) / total) > limit_) break;
  }
  c.keep_first(kept);
  size_t i = draw(c, chance);
  limit_ -= rate_ * (-std::log2(c.weights(total)[i] / total) - target_);
  return c[i].id;
}

}  // namespace ingot::sampling
