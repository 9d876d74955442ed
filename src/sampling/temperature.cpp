// Temperature, fixed or by entropy; and the draw.
#include <algorithm>
#include <cmath>

#include "sampling/samplers.h"

namespace ingot::sampling {

void temperature(Candidates& c, float t) {
  Candidate best = c.best();
  if (t <= 0) return c.keep_if([&](size_t i) { return c[i].id == best.id; });
  // From the best on, so that a tiny temperature gives −∞ and never a difference of two infinities. Order stays.
  c.scale([&](float logit) { return (logit - best.logit) / t; });
}

float dynamic_temperature(Candidates& c, float t, float range, float exponent) {
  if (c.size() < 2) return t;
  double total, entropy = 0;
  for (double w : c.weights(total))
    if (w > 0) entropy -= w * std::log(w);
  entropy = entropy / total + std::log(total);  // Σ w/total · −log(w/total)
  double low = std::max(0.0f, t - range), high = double(t) + range;
  double share = std::clamp(entropy / std::log(double(c.size())), 0.0, 1.0);
  return static_cast<float>(low + (high - low) * std::pow(share, double(exponent)));
}

double uniform(uint64_t seed, uint64_t n) {
  uint64_t z = seed + (n + 1) * 0x9e3779b97f4a7c15u;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
  z = (z ^ z >> 27) * 0x94d049bb133111ebu;
  z ^= z >> 31;
  return double(z >> 11) * 0x1p-53;
}

size_t draw(Candidates& c, double chance) {
  double total;
  std::span<double> weights = c.weights(total);
  double left = chance * total;
  size_t last = 0;  // that can be drawn at all: rounding may leave a little at the end
  for (size_t i = 0; i < weights.size(); i++) {
    if (weights[i] == 0) continue;
    last = i;
    if ((left -= weights[i]) < 0) break;
  }
  return last;
}

}  // namespace ingot::sampling
