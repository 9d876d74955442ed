#include "sampling/penalties.h"

#include <algorithm>

namespace ingot::sampling {

float bounded(double logit) { return static_cast<float>(std::clamp(logit, -1e30, 1e30)); }

void Penalties::apply(Candidates& c, std::span<const int32_t> tokens, const SamplingOptions& o) {
  tokens = last_of(tokens, o.repeat_last_n);
  for (int32_t t : tokens) counts_[t]++;
  for (Candidate& x : c.change()) {
    int32_t count = counts_[x.id];
    if (count == 0) continue;
    double logit = x.logit > 0 ? double(x.logit) / o.repeat_penalty : double(x.logit) * o.repeat_penalty;
    x.logit = bounded(logit - double(count) * o.frequency_penalty - o.presence_penalty);
  }
  for (int32_t t : tokens) counts_[t] = 0;
}

}  // namespace ingot::sampling
