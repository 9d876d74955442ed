// How many rows of prompts a step may take besides the rows of running answers, so that these do not wait long: about
// as many as make the step `max_slowdown` times as long as it is without them (EngineOptions). It is learned from the
// times of steps, seconds ≈ base + rows · slope; no result depends on it.
#pragma once
#include <algorithm>
#include <optional>

namespace ingot::engine {

class RowBudget {
 public:
  RowBudget(int max_rows, double max_slowdown) : max_rows_(max_rows), max_slowdown_(max_slowdown) {}
  /// Rows for prompts in a step with `answers` rows of running answers. 0: the step is needed to measure the time
  /// without them.
  int prompt_rows(int answers) const;
  /// Records a step with so many rows and its time.
  void measured(int answers, int prompt_rows, double seconds);

 private:
  static constexpr int min_rows = 8;      // fewer would hardly ever finish a prompt
  static constexpr int first_rows = 32;   // where a row was never measured
  static constexpr int mixed_steps = 32;  // then one without prompts, since answers come and go
  static constexpr double weight_of_new = 0.3;
  static void blend(std::optional<double>& mean, double x) { mean = mean ? *mean + weight_of_new * (x - *mean) : x; }

  int max_rows_;
  double max_slowdown_;
  std::optional<double> alone_;  // seconds of a step without rows of prompts
  std::optional<double> slope_;  // seconds per row of a prompt
  int since_alone_ = 0;          // mixed steps since `alone_` was measured
  int last_rows_ = first_rows;   // of prompts, in the last mixed step: the next one has at most twice as many
};

}  // namespace ingot::engine
