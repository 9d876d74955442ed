#include "sampling/candidates.h"

#include <algorithm>
#include <cmath>

namespace ingot::sampling {

namespace {

/// The greatest of a block, sixteen lanes at a time.
float greatest(std::span<const float> block) {
  constexpr size_t lanes = 16;
  float max[lanes];
  std::ranges::fill(max, -INFINITY);
  size_t i = 0;
  for (; i + lanes <= block.size(); i += lanes)
    for (size_t j = 0; j < lanes; j++) max[j] = block[i + j] > max[j] ? block[i + j] : max[j];
  for (; i < block.size(); i++) max[0] = std::max(max[0], block[i]);
  return *std::ranges::max_element(max);
}

}  // namespace

// Nearly every block of logits lies below the n-th best so far, which its greatest alone tells.
void Candidates::add_best(std::span<const float> logits, size_t n) {
  constexpr size_t block = 256;
  const size_t capacity = std::min(2 * n, list_.size());
  float min_logit = -INFINITY;  // what does not exceed it is not among the best n
  clear();
  for (size_t first = 0; first < logits.size(); first += block) {
    std::span<const float> some = logits.subspan(first, std::min(block, logits.size() - first));
    if (greatest(some) <= min_logit) continue;
    for (size_t i = 0; i < some.size(); i++) {
      if (some[i] <= min_logit) continue;
      if (size_ == capacity) sort_anew(n), min_logit = list_[n - 1].logit;
      if (some[i] > min_logit) add(static_cast<int32_t>(first + i), some[i]);
    }
  }
  sort_anew(n);
}

/// Sorts all, and keeps the first `n`.
void Candidates::sort_anew(size_t n) {
  sorted_ = 0;
  sort(n);
  keep_first(n);
}

const Candidate& Candidates::best() const {
  if (sorted_) return list_.front();
  float max = list_.front().logit;
  for (const Candidate& c : all()) max = std::max(max, c.logit);
  const Candidate* best = nullptr;
  for (const Candidate& c : all())
    if (c.logit == max && (!best || c.id < best->id)) best = &c;
  return *best;
}

void Candidates::sort(size_t n) {
  constexpr size_t few = 16;  // of a list so many times longer, a heap of the best finds them sooner
  n = std::min(n, size_);
  if (n <= sorted_) return;
  auto from = list_.begin() + sorted_, middle = list_.begin() + n, end = list_.begin() + size_;
  if (few * (n - sorted_) < size_ - sorted_) {
    std::partial_sort(from, middle, end, better);
  } else {
    if (n < size_) std::nth_element(from, middle, end, better);
    std::sort(from, middle, better);
  }
  sorted_ = n;
}

void Candidates::keep_first(size_t n) {
  size_ = std::min(size_, n);
  sorted_ = std::min(sorted_, size_);
}

std::span<double> Candidates::weights(double& total) {
  double max = best().logit;
  total = 0;
  for (size_t i = 0; i < size_; i++) total += weights_[i] = std::exp(list_[i].logit - max);
  return std::span(weights_).first(size_);
}

}  // namespace ingot::sampling
