#include "speed.h"

#include <algorithm>
#include <chrono>

namespace ingot::apps {

Rates rates_of(std::vector<double> rates) {
  std::ranges::sort(rates);
  const size_t n = rates.size();
  return {n % 2 ? rates[n / 2] : (rates[n / 2 - 1] + rates[n / 2]) / 2, rates.front(), rates.back()};
}

Rates measure_rates(Session& session, int held, int n_tokens, int repetitions, const std::function<void()>& work) {
  std::vector<double> rates;
  for (int i = 0; i <= repetitions; i++) {
    session.truncate(held);
    auto start = std::chrono::steady_clock::now();
    work();
    double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    if (i > 0) rates.push_back(n_tokens / seconds);
  }
  return rates_of(std::move(rates));
}

std::function<void()> read_prompt(Session& session, std::span<const int32_t> tokens) {
  return [&session, tokens] { session.append(tokens); };
}

std::function<void()> write_answer(Session& session, std::span<const int32_t> tokens) {
  return [&session, tokens] {
    for (int32_t token : tokens) session.append_greedy(token);
  };
}

}  // namespace ingot::apps
