// Building the tree out of the sorted texts.
#include "grammar/vocabulary_trie.h"

#include <algorithm>

namespace ingot::grammar {

VocabularyTrie::VocabularyTrie(const std::vector<std::string>& pieces, std::vector<int32_t> ends) : pieces_(pieces), ends_(std::move(ends)) {
  for (size_t id = 0; id < pieces_.size(); id++)
    if (!pieces_[id].empty() && pieces_[id].size() <= longest && std::ranges::find(ends_, static_cast<int32_t>(id)) == ends_.end())
      tokens_.push_back(static_cast<int32_t>(id));
  std::ranges::sort(tokens_, [this](int32_t a, int32_t b) {
    const int order = piece(a).compare(piece(b));
    return order ? order < 0 : a < b;
  });
  nodes_.push_back({0, 0, 0, 0});
  std::vector<uint32_t> path{0};  // nodes from the root to the last one
  auto close = [&](size_t depth) {
    for (; path.size() > depth + 1; path.pop_back()) nodes_[path.back()].end = static_cast<uint32_t>(nodes_.size());
  };
  std::string_view before;
  for (uint32_t t = 0; t < tokens_.size(); t++) {
    const std::string_view text = piece(tokens_[t]);
    close(static_cast<size_t>(std::ranges::mismatch(before, text).in1 - before.begin()));
    for (size_t depth = path.size(); depth <= text.size(); depth++) {
      path.push_back(static_cast<uint32_t>(nodes_.size()));
      nodes_.push_back({0, t, static_cast<uint16_t>(depth), static_cast<uint8_t>(text[depth - 1])});
      depth_ = std::max(depth_, static_cast<uint32_t>(depth));
    }
    before = text;
  }
  close(0);
  nodes_[0].end = static_cast<uint32_t>(nodes_.size());
  nodes_.push_back({0, static_cast<uint32_t>(tokens_.size()), 0, 0});
}

}  // namespace ingot::grammar
