#include "engine/row_budget.h"

namespace ingot::engine {

int RowBudget::prompt_rows(int answers) const {
  const int capacity = std::max(max_rows_ - answers, 0);
  if (answers == 0 || max_slowdown_ == 0) return capacity;
  if (!alone_ || since_alone_ >= mixed_steps) return 0;
  double rows = 2.0 * last_rows_;
  if (slope_ && *slope_ > 0) rows = std::min(rows, (max_slowdown_ - 1) * *alone_ / *slope_);
  return std::min(std::max(static_cast<int>(rows), min_rows), capacity);  // `rows` is at most twice an int's half
}

void RowBudget::measured(int answers, int prompt_rows, double seconds) {
  if (prompt_rows == 0) {
    blend(alone_, seconds);
    since_alone_ = 0;
  } else if (answers == 0) {
    if (!slope_) slope_ = seconds / prompt_rows;  // too large by the base, until a mixed step was measured
  } else if (alone_) {
    blend(slope_, std::max(seconds - *alone_, 0.0) / prompt_rows);
    since_alone_++;
    last_rows_ = prompt_rows;
  }
}

}  // namespace ingot::engine
