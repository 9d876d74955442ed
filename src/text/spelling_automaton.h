// Which tokens begin at a position of a text, whatever their lengths: the automaton of Aho and Corasick (1975) over
// reversed spellings, run over the reversed text. Building it takes time linear in the spellings, running it time
// linear in the text. Used where hashing each candidate would cost its length: special tokens, and long tokens of SPM.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace ingot::text {

/// Reads a text backwards, and knows the tokens that begin at each position.
class SpellingAutomaton {
 public:
  struct Spelling {
    std::string_view text;  // not empty, distinct
    int32_t id;
    bool always;  // counts even where special tokens are not parsed
  };
  enum Kind : uint8_t { any, always };
  struct Link {
    uint32_t shorter =
        0;  // the longest proper prefix of the ending that is a token: the next shorter one at the same position
    uint32_t jump = 0;  // skips several `shorter` links, so that a search takes logarithmic time (Myers 1983)
  };
  /// A node is a suffix of a spelling. Number 0 is the empty suffix; as a link it means none.
  struct Node {
    uint32_t first_child;  // children are contiguous, sorted by `byte`, and end where those of the next node begin
    uint32_t bytes;        // length of the ending
    int32_t id;            // token that is spelled; -1: none
    uint8_t byte;          // which the ending begins with
    bool always;
    uint32_t fail = 0;   // the longest shorter node that the ending begins with
    Link links[2] = {};  // by kind
  };
  explicit SpellingAutomaton(const std::vector<Spelling>& spellings);
  /// The state after reading one more byte towards the beginning of the text; initially 0.
  uint32_t step(uint32_t state, uint8_t byte, uint64_t& work) const;
  /// The longest token of at most `max_bytes` that begins at the current position; id -1 if there is none.
  const Node& longest(uint32_t state, Kind kind, size_t max_bytes, uint64_t& work) const;

 private:
  bool counts(const Node& node, Kind kind) const { return node.id >= 0 && (kind == any || node.always); }
  uint32_t child(uint32_t node, uint8_t byte) const;

  std::vector<Node> nodes_;   // by length; one more at the end
  uint32_t roots_[256] = {};  // children of node 0 by byte
};

}  // namespace ingot::text
