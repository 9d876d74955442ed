// The samplers of one answer, in the requested order.
#pragma once
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "ingot/ingot.h"
#include "sampling/candidates.h"
#include "sampling/mirostat.h"
#include "sampling/penalties.h"

namespace ingot::sampling {

/// What the chain needs to know about the tokens.
struct Tokens {
  int count = 0;                              ///< logits there are
  std::function<std::string(int32_t)> piece;  ///< bytes of a token
  std::function<bool(int32_t)> is_eog;        ///< ends a text
};

class Chain {
 public:
  /// Errors: options out of range, a sampler that is not known.
  Chain(const Tokens& tokens, SamplingOptions options);
  Chain(const Chain&) = delete;
  Chain& operator=(const Chain&) = delete;
  /// The token after `text`. `allowed`: bit i of word i / 64 says whether token i may be chosen; empty: all may. Random
  /// numbers are derived from the seed and the number of preceding tokens; if there are fewer than before, the sequence
  /// continues. Errors: logits that are not finite, sizes that do not match, no candidate left.
  int32_t choose(std::span<const float> logits, std::span<const int32_t> text, std::span<const uint64_t> allowed);
  /// Whether `choose` gives the token with the greatest logit, the lowest id of equal ones, whatever the text is.
  bool is_greedy() const { return is_greedy_among_allowed() && bias_.empty(); }
  /// The same but for tokens that end a text where these are never chosen: whether it is that token where `allows` it.
  bool is_greedy_among_allowed() const {
    return stages_.size() == 1 && first_cut_ == 1 && options_.logit_bias.empty() && !mirostat_;
  }
  bool allows(int32_t id) const { return bias_.empty() || bias_[static_cast<size_t>(id)] == 0; }

 private:
  using Stage = std::function<void(Candidates&, std::span<const int32_t> text)>;
  Stage stage(const std::string& name, const Tokens& tokens);
  void order(const Tokens& tokens);
  void fill(std::span<const float> logits, std::span<const uint64_t> allowed);
  void fill_best(std::span<const float> logits);
  void check(std::span<const float> logits, std::span<const int32_t> text, std::span<const uint64_t> allowed) const;

  SamplingOptions options_;
  size_t vocab_;
  std::vector<float> bias_;      // of each token; empty: none
  std::vector<int32_t> biased_;  // those of which it is not 0
  std::vector<Stage> stages_;
  size_t first_cut_ = 0;  // the first stage is a top-k of this size; 0: it is not
  Candidates candidates_;
  Penalties penalties_;
  std::optional<Dry> dry_;
  std::optional<Mirostat> mirostat_;
  uint64_t position_ = 0;
};

}  // namespace ingot::sampling
