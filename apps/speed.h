// How fast a session reads prompts and writes: for `ingot bench` and `ingot judge`.
#pragma once
#include <cstdint>
#include <functional>
#include <span>

#include "ingot/ingot.h"

namespace ingot::apps {

/// Tokens per second.
struct Rates {
  double median = 0, min = 0, max = 0;
};
/// Of numbers, at least one.
Rates rates_of(std::vector<double> rates);
/// Of `work`, which appends `n_tokens` to a session that holds `held`: one run to warm up, then `repetitions`.
Rates measure_rates(Session& session, int held, int n_tokens, int repetitions, const std::function<void()>& work);

/// What reads a prompt of `tokens`, or writes them one after another.
std::function<void()> read_prompt(Session& session, std::span<const int32_t> tokens);
std::function<void()> write_answer(Session& session, std::span<const int32_t> tokens);

}  // namespace ingot::apps
