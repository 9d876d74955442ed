// The tokens that may still be chosen, with their logits. Samplers change logits or leave candidates out; none adds
// one.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace ingot::sampling {

struct Candidate {
  int32_t id;
  float logit;
};

/// Better first; of equals the lower id.
inline bool better(const Candidate& a, const Candidate& b) {
  return a.logit != b.logit ? a.logit > b.logit : a.id < b.id;
}

/// Has capacity for the whole vocabulary, so that choosing a token allocates nothing. Never empty between two samplers.
///
/// Sorted lazily: the best of 250,000 tokens are found by selection, and a sampler that needs only a few never pays for
/// sorting the rest.
class Candidates {
 public:
  explicit Candidates(int vocab) : list_(vocab), weights_(vocab) {}

  void clear() { size_ = sorted_ = 0; }
  void add(int32_t id, float logit) { list_[size_++] = {id, logit}; }
  /// Instead of adding all and sorting the best `n`: holds those alone, best first.
  void add_best(std::span<const float> logits, size_t n);

  size_t size() const { return size_; }
  const Candidate& operator[](size_t i) const { return list_[i]; }
  std::span<const Candidate> all() const { return std::span(list_).first(size_); }
  /// All of them, to change logits: the order is lost.
  std::span<Candidate> change() { return sorted_ = 0, std::span(list_).first(size_); }
  /// Each logit becomes `f(logit)`, which must not change their order.
  template <class F> void scale(F f) {
    for (Candidate& c : std::span(list_).first(size_)) c.logit = f(c.logit);
  }

  /// The most probable one.
  const Candidate& best() const;
  /// Moves the best `n` (or all, if there are fewer) to the front, best first.
  void sort(size_t n);
  /// Keeps the first `n`.
  void keep_first(size_t n);
  /// Keeps those of which `keep(i)` is true, in their order; asked once for each i, in order.
  template <class Keep> void keep_if(Keep keep) {
    size_t kept = 0, kept_sorted = 0;
    for (size_t i = 0; i < size_; i++) {
      if (!keep(i)) continue;
      list_[kept++] = list_[i];
      if (i < sorted_) kept_sorted = kept;
    }
    size_ = kept, sorted_ = kept_sorted;
  }
  /// exp(logit − best logit) of each, in order; `total` is their sum.
  std::span<double> weights(double& total);

 private:
  void sort_anew(size_t n);
  std::vector<Candidate> list_;  // the first size_ of them
  std::vector<double> weights_;
  size_t size_ = 0, sorted_ = 0;  // the first `sorted_` are in order, and better than the rest
};

}  // namespace ingot::sampling
