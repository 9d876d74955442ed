// Which tokens may come next. The tokens that match a state are combined from those that match each open expression
// alone, which are computed once, and the few tokens that extend beyond it into what follows: a new state costs a few
// microseconds if its expressions are known.
#pragma once
#include <memory>
#include <span>
#include <vector>

#include "base/keyed_hash.h"
#include "grammar/matcher.h"
#include "grammar/vocabulary_trie.h"

namespace ingot::grammar {

class Constraint {
 public:
  Constraint(std::shared_ptr<const Rules> rules, std::shared_ptr<const VocabularyTrie> vocabulary);
  /// Bit i % 64 of word i / 64: may token i come next? End tokens may where the text may end, and only they once it has
  /// ended. Valid until the next call. Errors: no token may.
  std::span<const uint64_t> allowed();
  /// Advances by token `id`. Errors: it is not allowed.
  void accept(int32_t id);
  /// May the text end here?
  bool may_end() const { return ended_ || matcher_.accepts(state_); }
  /// Has an end token been accepted?
  bool ended() const { return ended_; }
  /// Back to the beginning; cached masks are kept.
  void reset();
  const Matcher& matcher() const { return matcher_; }

 private:
  static constexpr size_t kept_masks = 256;            // of states
  static constexpr size_t kept_head_bytes = 64 << 20;  // of expressions' tokens
  static constexpr size_t few_exits = 256;
  using Mask = std::vector<uint64_t>;
  /// The tokens that match one expression, whatever follows it.
  struct HeadTokens {
    Mask mask;                    // tokens that fit, or, where they are few:
    std::vector<int32_t> tokens;  // the same as a list
    std::vector<uint32_t> exits;  // nodes where the expression may end while tokens go on, or, where they are many:
    Mask exit_mask;               // the same, by node
    size_t bytes() const { return (mask.size() + exit_mask.size()) * 8 + (tokens.size() + exits.size()) * 4 + 64; }
  };

  const HeadTokens& tokens_of(Head head);
  Mask compute(State state);
  void add_beyond(Mask& mask, const HeadTokens& head, State rest);
  template <typename Visit> void walk(uint32_t from, State state, Visit&& visit);
  void set(Mask& mask, uint32_t node) const {
    for (int32_t id : vocabulary_->tokens(node)) mask[static_cast<size_t>(id) / 64] |= uint64_t{1} << id % 64;
  }

  std::shared_ptr<const VocabularyTrie> vocabulary_;
  Matcher matcher_;
  State state_;
  bool ended_ = false;
  HashMap<uint64_t, HeadTokens> heads_;  // by head, counts beyond the longest token being the same
  size_t head_bytes_ = 0;
  HashMap<State, Mask> masks_;
  std::vector<State> path_;  // of a walk, by depth
  Mask ends_;                // the end tokens alone
};

}  // namespace ingot::grammar
