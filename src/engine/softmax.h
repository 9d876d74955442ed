// Softmax over a vocabulary, fast enough for every token of a text: float in, sums in double. Nothing here knows
// sampling: these are the model's own distributions.
#pragma once
#include <cstddef>
#include <span>

namespace ingot::engine {

/// What normalizes one row of logits: p_i = exp(x_i − max) / total.
struct Softmax {
  size_t best = 0;   ///< the highest logit; of equal ones the first
  float max = 0;     ///< its value
  double total = 0;  ///< Σ exp(x_i − max)
  double log_total = 0;
  /// ln p of a token with logit `x`.
  double logprob(float x) const { return double(x) - max - log_total; }
};

/// Errors: a row with a number that is not finite.
Softmax softmax(std::span<const float> logits);

/// D(base ‖ model) = Σ p_base · (ln p_base − ln p_model) in nats, never below 0. Rows of one length with their softmax.
double divergence(std::span<const float> base, const Softmax& of_base, std::span<const float> model,
                  const Softmax& of_model);

}  // namespace ingot::engine
