// Fixed distributions, and whether draws follow them.
#pragma once
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <vector>

#include "ingot/ingot.h"

namespace ingot::tests {

/// Logits of probabilities.
inline std::vector<float> logits_of(const std::vector<double>& p) {
  std::vector<float> logits;
  for (double x : p) logits.push_back(static_cast<float>(std::log(x)));
  return logits;
}

/// Options that change nothing.
inline SamplingOptions plain() {
  SamplingOptions o;
  o.temperature = 1, o.top_k = 0, o.top_p = 1, o.min_p = 0;
  return o;
}

/// Pearson's test that counts come from probabilities `p`; a right sampler fails once in a thousand seeds, and seeds
/// are fixed.
inline void expect_distribution(const std::map<int32_t, int>& counts, const std::vector<double>& p) {
  const double bounds[] = {0,    10.8, 13.8, 16.3, 18.5,
                           20.5, 22.5, 24.3, 26.1, 27.9};  // chi squared, p = 0.001, by degrees of freedom
  double chi = 0, n = 0;
  size_t kinds = 0;
  for (auto [id, count] : counts) n += count;
  for (size_t i = 0; i < p.size(); i++) {
    int count = counts.contains(static_cast<int32_t>(i)) ? counts.at(static_cast<int32_t>(i)) : 0;
    if (p[i] == 0)
      EXPECT_EQ(count, 0) << "token " << i;
    else
      chi += std::pow(count - p[i] * n, 2) / (p[i] * n), kinds++;
  }
  ASSERT_LE(kinds, std::size(bounds));
  EXPECT_LE(chi, bounds[kinds - 1] + 1e-9);
}

}  // namespace ingot::tests
