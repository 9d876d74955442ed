#include "sampling/candidates.h"

#include <algorithm>
#include <cmath>

namespace ingot::sampling {

const Candidate& Candidates::best() const { return sorted_ ? list_.front() : *std::ranges::min_element(list_, better); }

void Candidates::sort(size_t n) {
  n = std::min(n, list_.size());
  if (n <= sorted_) return;
  if (n < list_.size()) std::nth_element(list_.begin() + sorted_, list_.begin() + n, list_.end(), better);
  std::sort(list_.begin() + sorted_, list_.begin() + n, better);
  sorted_ = n;
}

void Candidates::keep_first(size_t n) {
  if (n < list_.size()) list_.resize(n);
  sorted_ = std::min(sorted_, list_.size());
}

std::span<double> Candidates::weights(double& total) {
  double most = best().logit;
  weights_.resize(list_.size());
  total = 0;
  for (size_t i = 0; i < list_.size(); i++) total += weights_[i] = std::exp(list_[i].logit - most);
  return weights_;
}

}  // namespace ingot::sampling
