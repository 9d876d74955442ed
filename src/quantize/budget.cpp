#include "quantize/budget.h"

#include <algorithm>

#include "base/checked.h"

namespace ingot::quantize {

namespace {

/// Cost that a step from `a` to `b` saves per byte.
double saving_of(const Choice& a, const Choice& b) {
  return (a.cost - b.cost) / (static_cast<double>(b.bytes) - static_cast<double>(a.bytes));
}

}  // namespace

std::vector<Choice> hull_of(std::vector<Choice> choices) {
  std::ranges::stable_sort(choices, [](const Choice& a, const Choice& b) {
    return a.bytes != b.bytes ? a.bytes < b.bytes : a.cost < b.cost;
  });
  std::vector<Choice> hull;
  for (const Choice& c : choices) {
    if (!hull.empty() && (c.bytes == hull.back().bytes || c.cost >= hull.back().cost)) continue;
    while (hull.size() > 1 && saving_of(hull[hull.size() - 2], hull.back()) <= saving_of(hull.back(), c))
      hull.pop_back();
    hull.push_back(c);
  }
  return hull;
}

Spending spend(std::span<const std::vector<Choice>> hulls, uint64_t budget) {
  struct Up {
    size_t tensor, to;
    double saved;
  };
  std::vector<Up> steps;
  Spending s;
  for (size_t t = 0; t < hulls.size(); t++) {
    s.chosen.push_back(0);
    s.bytes = capped_sum(s.bytes, hulls[t][0].bytes);
    for (size_t i = 1; i < hulls[t].size(); i++) steps.push_back({t, i, saving_of(hulls[t][i - 1], hulls[t][i])});
  }
  std::ranges::stable_sort(steps, [](const Up& a, const Up& b) { return a.saved > b.saved; });
  for (const Up& up : steps) {
    const std::vector<Choice>& hull = hulls[up.tensor];
    if (s.chosen[up.tensor] + 1 != up.to) continue;  // the step before it did not fit
    const uint64_t bytes = s.bytes + (hull[up.to].bytes - hull[up.to - 1].bytes);
    if (bytes > budget) {
      s.left_out = std::max(s.left_out, up.saved);
      continue;
    }
    s.chosen[up.tensor] = up.to, s.bytes = bytes, s.saving = up.saved;
  }
  return s;
}

}  // namespace ingot::quantize
