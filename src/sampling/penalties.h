// Samplers that look back: penalties on tokens that already occur in the text.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "ingot/ingot.h"
#include "sampling/candidates.h"

namespace ingot::sampling {

/// The last `n` tokens; −1: all.
inline std::span<const int32_t> last_of(std::span<const int32_t> tokens, int n) {
  return n < 0 || static_cast<size_t>(n) > tokens.size() ? tokens : tokens.last(static_cast<size_t>(n));
}

/// A modified logit stays finite, whatever the options.
float bounded(double logit);

/// A token that occurs c times among the last ones: its logit is divided by `repeat_penalty` where positive and
/// multiplied elsewhere (Keskar et al. 2019); then c · frequency_penalty + presence_penalty is subtracted.
class Penalties {
 public:
  explicit Penalties(int vocab) : counts_(vocab) {}
  void apply(Candidates& c, std::span<const int32_t> tokens, const SamplingOptions& options);

 private:
  std::vector<int32_t> counts_;  // of each token; zero between calls
};

/// "Don't repeat yourself" (Weidmann 2024): when the last m tokens of the text also occur earlier in it, the logit of
/// the token that followed there is reduced by multiplier · base ^ (m − allowed length), where m is at least the
/// allowed length; the longest m counts. A repetition does not extend across a sequence breaker.
class Dry {
 public:
  /// `piece`: bytes of a token; `vocab`: tokens that have any.
  Dry(int vocab, const std::function<std::string(int32_t)>& piece, const SamplingOptions& options);
  void apply(Candidates& c, std::span<const int32_t> tokens, const SamplingOptions& options);
  /// The number of tokens after the last breaker.
  size_t since_breaker(std::span<const int32_t> tokens) const;

 private:
  enum Role : uint8_t { none, holds, begins };  // a whole breaker in the token; the beginning of one at its end
  bool breaker_from(std::span<const int32_t> tokens, size_t& end) const;

  std::vector<std::string> breakers_;
  std::function<std::string(int32_t)> piece_;
  std::vector<Role> roles_;       // of each token
  std::vector<int32_t> matches_;  // see apply
  std::vector<int32_t> longest_;  // of each token: the longest m that it followed; zero between calls
};

}  // namespace ingot::sampling
