#include "engine/logprobs.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/finite.h"

namespace ingot {

float log_softmax(std::span<const float> logits, int32_t id) {
  if (id < 0 || static_cast<size_t>(id) >= logits.size())
    throw Error("engine", "the token has no logit", std::to_string(id), "an id below " + std::to_string(logits.size()));
  if (!all_finite(logits)) throw Error("engine", "logits are not finite", "NaN or infinity", "what a model computed");
  float max = *std::max_element(logits.begin(), logits.end());
  double total = 0;
  for (float x : logits) total += std::exp(double(x) - max);
  return static_cast<float>(double(logits[id]) - max - std::log(total));
}

namespace engine {

std::vector<TokenLogprob> top(std::span<const float> logits, int k) {
  std::vector<int32_t> ids(logits.size());
  std::iota(ids.begin(), ids.end(), 0);
  size_t n = std::min(static_cast<size_t>(std::max(k, 0)), logits.size());
  std::partial_sort(ids.begin(), ids.begin() + n, ids.end(),
                    [&](int32_t a, int32_t b) { return logits[a] != logits[b] ? logits[a] > logits[b] : a < b; });
  std::vector<TokenLogprob> result;
  float max = *std::max_element(logits.begin(), logits.end());
  double total = 0;
  for (float x : logits) total += std::exp(double(x) - max);
  for (size_t i = 0; i < n; i++)
    result.push_back({ids[i], static_cast<float>(double(logits[ids[i]]) - max - std::log(total))});
  return result;
}

}  // namespace engine
}  // namespace ingot
