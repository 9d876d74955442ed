// Tokens that are recognised by their spelling before the model's own algorithm sees the text: added tokens always, control
// tokens only on request. Splits text into such tokens and the plain text between them.
#pragma once
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "text/tokenizer.h"

namespace ingot::text {

/// A part of a text: a token (id >= 0, `text` is its spelling) or plain text (id -1), never empty. White space between a token that
/// strips and what follows belongs to no fragment.
struct Fragment {
  std::string_view text;
  int32_t id;
};

class SpecialTokens {
 public:
  explicit SpecialTokens(const Vocabulary& vocabulary);
  /// Fragments of `text` in order. A longer spelling wins over a shorter one wherever the two overlap, even where the shorter
  /// begins further left; equal lengths go from left to right. Control tokens that touch `plain` (in order, no overlaps) stay
  /// text. Time: linear in the text times the longest spelling.
  std::vector<Fragment> split(std::string_view text, bool parse_special, std::span<const Span> plain = {}) const;

 private:
  struct Match {
    size_t at, bytes;
    int32_t id;
  };
  // A node of the tree of spellings; 0 as an index means none, since the root is nobody's child.
  struct Node {
    uint8_t byte = 0;
    bool always = false;  // the spelling that ends here counts even where special tokens are not parsed
    int32_t id = -1;      // token whose spelling ends here
    uint32_t child = 0, sibling = 0;
  };
  uint32_t child_of(uint32_t node, uint8_t byte) const;
  void add(std::string_view spelling, int32_t id, bool always);
  Match longest(std::string_view text, size_t at, size_t below, size_t control_end) const;
  std::vector<Match> matches(std::string_view text, bool parse_special, std::span<const Span> plain) const;

  bool strips(int32_t id) const { return !strips_.empty() && strips_[static_cast<size_t>(id)]; }

  std::vector<Node> nodes_;
  std::vector<uint32_t> roots_;  // first byte -> node
  std::vector<bool> strips_;     // by token; empty: none does
};

}  // namespace ingot::text
