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

/// The tokens that begin at each place of a text, longest first: the automaton of Aho and Corasick (1975) over the spellings read
/// from their end, which walks the text from its end. Building it is linear in the spellings, walking linear in the text.
class SpellingAutomaton {
 public:
  struct Spelling {
    std::string_view text;  // not empty, none twice
    int32_t id;
    bool always;  // counts even where special tokens are not parsed
  };
  enum Kind : uint8_t { any, always };
  struct Link {
    uint32_t shorter = 0;  // the longest token that the ending begins with, but itself: the next one at the same place
    uint32_t jump = 0;     // several `shorter` at once, so that a search takes logarithmic steps (Myers 1983)
  };
  /// A node stands for an ending of a spelling. Number 0 is the empty one; as a link it means that there is none.
  struct Node {
    uint32_t first_child;  // those of a node are neighbours, by `byte`; they end where those of the next node begin
    uint32_t bytes;        // length of the ending
    int32_t id;            // token that is spelled; -1: none
    uint8_t byte;          // which the ending begins with
    bool always;
    uint32_t fail = 0;   // the longest shorter node that the ending begins with
    Link links[2] = {};  // by kind
  };
  explicit SpellingAutomaton(const std::vector<Spelling>& spellings);
  /// The state where one more byte towards the beginning of the text was read; at its end it is 0.
  uint32_t step(uint32_t state, uint8_t byte, uint64_t& work) const;
  /// The longest token of at most `max_bytes` that begins where the walk stands; its id is -1 where there is none.
  const Node& longest(uint32_t state, Kind kind, size_t max_bytes, uint64_t& work) const;

 private:
  bool counts(const Node& node, Kind kind) const { return node.id >= 0 && (kind == any || node.always); }
  uint32_t child(uint32_t node, uint8_t byte) const;

  std::vector<Node> nodes_;   // by length; one more at the end
  uint32_t roots_[256] = {};  // children of node 0 by byte
};

class SpecialTokens {
 public:
  explicit SpecialTokens(const Vocabulary& vocabulary);
  /// Fragments of `text` in order. A longer spelling wins over a shorter one wherever the two overlap, even where the shorter
  /// begins further left; equal lengths go from left to right. Control tokens that touch `plain` (in order, no overlaps) stay
  /// text. Time: O(n log² n) in the text at worst, whatever the spellings are, and linear in texts that are not made for it. `work`
  /// counts it.
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
