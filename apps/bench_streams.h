// Many answers at once, timed: what `ingot bench --streams` measures.
#pragma once
#include <cstdint>
#include <vector>

#include "ingot/ingot.h"

namespace ingot::apps {

/// Pseudo-random ids over the whole vocabulary, the same every time.
std::vector<int32_t> random_tokens(int n, int vocab);

/// Tokens per second of all streams together: with `n_answer` 0 of `streams` prompts of `n_prompt` tokens each, until
/// every one has been read; otherwise of as many answers to them, over `n_answer` tokens each from when the last has
/// begun.
double stream_rate(const Model& model, int streams, int n_prompt, int n_answer);

}  // namespace ingot::apps
