// How the next token is chosen from logits: cut to the likely ones, then draw. Holds its working memory, so that a draw allocates
// nothing.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "ingot/ingot.h"

namespace ingot::engine {

class Sampler {
 public:
  explicit Sampler(int vocab) : candidates_(vocab) {}
  /// Next token by `options`. `position`: tokens before it; with the seed it fixes the random number, so the same request draws
  /// the same tokens however it is run. Errors: options out of range, logits that are not numbers.
  int32_t sample(std::span<const float> logits, const SamplingOptions& options, int position);

 private:
  struct Candidate {
    int32_t id;
    float score;  // logit, later probability
  };
  std::vector<Candidate> candidates_;
};

/// The `k` most probable tokens with log-probabilities, best first; equal ones by id.
std::vector<TokenLogprob> top(std::span<const float> logits, int k);

/// Number in [0, 1) that follows from seed and position alone (SplitMix64, Steele et al. 2014).
double uniform(uint64_t seed, uint64_t position);

}  // namespace ingot::engine
