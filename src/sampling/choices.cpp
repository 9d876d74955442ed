// The samplers that may leave out the best candidate: typical, XTC.
#include <algorithm>
#include <cmath>
#include <optional>
#include <tuple>

#include "sampling/samplers.h"

namespace ingot::sampling {

namespace {

struct Distance {
  double from_entropy;  // of the surprise
  int32_t id;
  double weight;
  bool operator<(const Distance& b) const { return std::tie(from_entropy, id) < std::tie(b.from_entropy, b.id); }
};

/// The first `sorted` are in order; puts some more in order behind them.
void sort_next(std::vector<Distance>& list, size_t& sorted) {
  size_t n = std::min(8 * sorted + 64, list.size());
  if (n < list.size()) std::nth_element(list.begin() + sorted, list.begin() + n, list.end());
  std::sort(list.begin() + sorted, list.begin() + n);
  sorted = n;
}

}  // namespace

void typical(Candidates& c, float p) {
  double total, entropy = 0;
  std::span<double> weights = c.weights(total);
  auto surprise = [&](size_t i) { return std::log(total) - std::log(weights[i]); };  // infinite where the weight is 0
  for (size_t i = 0; i < c.size(); i++)
    if (weights[i] > 0) entropy += weights[i] / total * surprise(i);
  std::vector<Distance> distances;
  for (size_t i = 0; i < c.size(); i++) distances.push_back({std::abs(surprise(i) - entropy), c[i].id, weights[i]});
  auto distance = distances;
  double kept = 0;
  size_t last = 0;
  for (size_t sorted = 0; last + 1 < distances.size(); last++) {
    if (last == sorted) sort_next(distances, sorted);
    if ((kept += distances[last].weight) >= p * total) break;
  }
  c.keep_if([&](size_t i) { return !(distances[last] < distance[i]); });
}

void xtc(Candidates& c, float threshold) {
  double total;
  std::span<double> weights = c.weights(total);
  std::optional<Candidate> lowest;
  for (size_t i = 0; i < c.size(); i++)
    if (weights[i] >= threshold * total && (!lowest || better(*lowest, c[i]))) lowest = c[i];
  if (lowest) c.keep_if([&](size_t i) { return !better(c[i], *lowest); });
}

}  // namespace ingot::sampling
