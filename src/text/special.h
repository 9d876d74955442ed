// Tokens that are recognised by their spelling before the model's own algorithm sees the text: added tokens always,
// control tokens only on request. Splits text into such tokens and the plain text between them.
#pragma once
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "text/spelling_automaton.h"
#include "text/tokenizer.h"

namespace ingot::text {

/// A part of a text: a token (id >= 0, `text` is its spelling) or plain text (id -1), never empty. White space after a
/// stripping token belongs to no fragment.
struct Fragment {
  std::string_view text;
  int32_t id;
};

class SpecialTokens {
 public:
  explicit SpecialTokens(const Vocabulary& vocabulary);
  /// Fragments of `text` in order. A longer spelling wins over a shorter one wherever the two overlap, even where the
  /// shorter begins further left; equal lengths go from left to right. Control tokens that touch `plain` (in order, no
  /// overlaps) stay text. Time: O(n log² n) in the text in the worst case, whatever the spellings, and linear for
  /// ordinary texts. `work` counts steps.
  std::vector<Fragment> split(std::string_view text, bool parse_special, std::span<const Span> plain = {},
                              uint64_t* work = nullptr) const;

 private:
  struct Match {
    size_t at, bytes;
    int32_t id;
    uint32_t state;  // of the walk there
  };
  /// The longest token where `found` begins, of at most `max_bytes`; a control token ends by `control_end`.
  Match longest(Match found, size_t max_bytes, size_t control_end, uint64_t& work) const;
  std::vector<Match> matches(std::string_view text, bool parse_special, std::span<const Span> plain,
                             uint64_t& work) const;
  bool strips(int32_t id) const { return !strips_.empty() && strips_[static_cast<size_t>(id)]; }

  SpellingAutomaton automaton_;
  std::vector<bool> strips_;  // by token; empty: none does
};

}  // namespace ingot::text
