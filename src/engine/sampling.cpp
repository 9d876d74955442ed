#include "engine/sampling.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace ingot {

float log_softmax(std::span<const float> logits, int32_t id) {
  if (id < 0 || static_cast<size_t>(id) >= logits.size()) throw Error("engine", "no score of that token", std::to_string(id), "an id below " + std::to_string(logits.size()));
  float most = *std::max_element(logits.begin(), logits.end());
  double total = 0;
  for (float x : logits) total += std::exp(double(x) - most);
  return static_cast<float>(double(logits[id]) - most - std::log(total));
}

namespace engine {

double uniform(uint64_t seed, uint64_t position) {
  uint64_t z = seed + (position + 1) * 0x9e3779b97f4a7c15u;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
  z = (z ^ z >> 27) * 0x94d049bb133111ebu;
  z ^= z >> 31;
  return double(z >> 11) * 0x1p-53;
}

std::vector<TokenLogprob> top(std::span<const float> logits, int k) {
  std::vector<int32_t> ids(logits.size());
  std::iota(ids.begin(), ids.end(), 0);
  size_t n = std::min(static_cast<size_t>(std::max(k, 0)), logits.size());
  std::partial_sort(ids.begin(), ids.begin() + n, ids.end(), [&](int32_t a, int32_t b) { return logits[a] != logits[b] ? logits[a] > logits[b] : a < b; });
  std::vector<TokenLogprob> result;
  float most = *std::max_element(logits.begin(), logits.end());
  double total = 0;
  for (float x : logits) total += std::exp(double(x) - most);
  for (size_t i = 0; i < n; i++) result.push_back({ids[i], static_cast<float>(double(logits[ids[i]]) - most - std::log(total))});
  return result;
}

namespace {

void check(const SamplingOptions& o) {
  auto refuse = [](const char* what, double got, const char* expected) { throw Error("engine", what, std::to_string(got), expected); };
  if (!(o.temperature >= 0) || !std::isfinite(o.temperature)) refuse("temperature is out of range", o.temperature, "0 or more");
  if (!(o.top_p > 0 && o.top_p <= 1)) refuse("top_p is out of range", o.top_p, "more than 0, at most 1");
  if (!(o.min_p >= 0 && o.min_p <= 1)) refuse("min_p is out of range", o.min_p, "0 to 1");
  if (o.top_k < 0) refuse("top_k is out of range", o.top_k, "0 or more");
}

}  // namespace

int32_t Sampler::sample(std::span<const float> logits, const SamplingOptions& options, int position) {
  check(options);
  size_t best = 0;
  for (size_t i = 0; i < logits.size(); i++) {
    if (std::isnan(logits[i])) throw Error("engine", "the model's output is not a number", "NaN", "", "the model file is damaged or not supported");
    if (logits[i] > logits[best]) best = i;
  }
  if (std::isinf(logits[best])) throw Error("engine", "the model's output is infinite", "", "", "the model file is damaged or not supported");
  if (options.temperature == 0) return static_cast<int32_t>(best);

  auto better = [](const Candidate& a, const Candidate& b) { return a.score != b.score ? a.score > b.score : a.id < b.id; };
  for (size_t i = 0; i < logits.size(); i++) candidates_[i] = {static_cast<int32_t>(i), logits[i]};
  size_t n = candidates_.size();
  if (options.top_k > 0) n = std::min(n, static_cast<size_t>(options.top_k));
  std::partial_sort(candidates_.begin(), candidates_.begin() + n, candidates_.end(), better);

  // probabilities at temperature 1 decide top_p and min_p
  float most = candidates_[0].score;
  double total = 0;
  for (size_t i = 0; i < n; i++) total += std::exp(double(candidates_[i].score) - most);
  double kept = 0;
  size_t cut = 0;
  for (; cut < n; cut++) {
    double relative = std::exp(double(candidates_[cut].score) - most);
    if (cut > 0 && (kept >= options.top_p * total || relative < options.min_p)) break;
    kept += relative;
  }
  double sum = 0;
  for (size_t i = 0; i < cut; i++) {
    candidates_[i].score = static_cast<float>(std::exp((double(candidates_[i].score) - most) / options.temperature));
    sum += candidates_[i].score;
  }
  double draw = uniform(options.seed, static_cast<uint64_t>(position)) * sum;
  for (size_t i = 0; i < cut; i++) {
    draw -= candidates_[i].score;
    if (draw < 0) return candidates_[i].id;
  }
  return candidates_[cut - 1].id;
}

}  // namespace engine
}  // namespace ingot
