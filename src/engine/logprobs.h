// Probabilities of the model's own distribution, before any sampler.
#pragma once
#include <span>
#include <vector>

#include "ingot/ingot.h"

namespace ingot::engine {

/// The `k` most probable tokens with log-probabilities, best first; equal ones by id.
std::vector<TokenLogprob> top(std::span<const float> logits, int k);

}  // namespace ingot::engine
