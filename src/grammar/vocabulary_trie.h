// The texts of all tokens as a trie in depth-first order: a traversal that skips subtrees which cannot match never
// visits most tokens. Built once per vocabulary, then immutable.
#pragma once
#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ingot::grammar {

class VocabularyTrie {
 public:
  static constexpr size_t longest = 1000;  ///< bytes of a token; longer ones are left out
  struct Node {
    uint32_t parent;
    uint32_t end;          ///< the node after this subtree
    uint32_t first_token;  ///< its tokens are those from here to the next node's
    uint16_t depth;        ///< bytes from the root
    uint8_t byte;          ///< the last of them
  };
  /// `pieces[id]`: bytes of token id; empty: the token is no text. `ends`: tokens that end a text.
  VocabularyTrie(std::vector<std::string> pieces, std::vector<int32_t> ends);
  /// Node 0 is the root.
  const Node& operator[](uint32_t i) const { return nodes_[i]; }
  std::span<const int32_t> tokens(uint32_t node) const {
    return {tokens_.data() + nodes_[node].first_token, nodes_[node + 1].first_token - nodes_[node].first_token};
  }
  /// All nodes whose last byte is `byte`.
  std::span<const uint32_t> nodes_of(uint8_t byte) const {
    return {by_byte_.data() + byte_starts_[byte], byte_starts_[byte + 1] - byte_starts_[byte]};
  }
  std::string_view piece(int32_t id) const { return pieces_[static_cast<size_t>(id)]; }
  const std::vector<int32_t>& ends() const { return ends_; }
  size_t vocab() const { return pieces_.size(); }
  size_t nodes() const { return nodes_.size() - 1; }
  uint32_t depth() const { return depth_; }  ///< bytes of the longest token

 private:
  std::vector<std::string> pieces_;
  std::vector<int32_t> ends_;
  std::vector<Node> nodes_;      // and one behind the last
  std::vector<int32_t> tokens_;  // in the order of nodes
  std::vector<uint32_t> by_byte_;
  std::array<uint32_t, 257> byte_starts_{};  // in by_byte_
  uint32_t depth_ = 0;
};

}  // namespace ingot::grammar
