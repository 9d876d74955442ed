// Building the tree out of the sorted texts.
#include "grammar/vocabulary_trie.h"

#include <algorithm>

#include "base/checked.h"

namespace ingot::grammar {

VocabularyTrie::VocabularyTrie(std::vector<std::string> pieces, std::vector<int32_t> ends)
    : pieces_(std::move(pieces)), ends_(std::move(ends)) {
  struct Entry {
    uint64_t start;  // the first eight bytes as a number: they decide nearly every comparison
    int32_t id;
  };
  std::vector<Entry> entries;
  for (size_t id = 0; id < pieces_.size(); id++) {
    const std::string& text = pieces_[id];
    if (text.empty() || text.size() > longest || std::ranges::find(ends_, static_cast<int32_t>(id)) != ends_.end())
      continue;
    uint64_t start = 0;
    for (size_t i = 0; i < 8; i++) start = start << 8 | (i < text.size() ? static_cast<uint8_t>(text[i]) : 0);
    entries.push_back({start, static_cast<int32_t>(id)});
  }
  std::ranges::sort(entries, [this](const Entry& a, const Entry& b) {
    if (a.start != b.start) return a.start < b.start;
    const int order = piece(a.id).compare(piece(b.id));
    return order ? order < 0 : a.id < b.id;
  });

  nodes_.push_back({0, 0, 0, 0, 0});
  std::vector<uint32_t> path{0};  // nodes from the root to the last one
  auto close = [&](size_t depth) {
    for (; path.size() > depth + 1; path.pop_back()) nodes_[path.back()].end = narrow<uint32_t>(nodes_.size());
  };
  std::string_view before;
  for (const Entry& entry : entries) {
    const std::string_view text = piece(entry.id);
    close(static_cast<size_t>(std::ranges::mismatch(before, text).in1 - before.begin()));
    for (size_t depth = path.size(); depth <= text.size(); depth++) {
      const auto node = narrow<uint32_t>(nodes_.size());
      nodes_.push_back({path.back(), 0, narrow<uint32_t>(tokens_.size()), static_cast<uint16_t>(depth),
                        static_cast<uint8_t>(text[depth - 1])});
      path.push_back(node);
      depth_ = std::max(depth_, static_cast<uint32_t>(depth));
    }
    tokens_.push_back(entry.id);
    before = text;
  }
  close(0);
  nodes_[0].end = narrow<uint32_t>(nodes_.size());

  for (uint32_t i = 1; i < nodes_.size(); i++) byte_starts_[nodes_[i].byte + 1u]++;
  for (size_t b = 1; b < byte_starts_.size(); b++) byte_starts_[b] += byte_starts_[b - 1];
  by_byte_.resize(nodes_.size() - 1);
  std::array<uint32_t, 257> next = byte_starts_;
  for (uint32_t i = 1; i < nodes_.size(); i++) by_byte_[next[nodes_[i].byte]++] = i;
  nodes_.push_back({0, 0, narrow<uint32_t>(tokens_.size()), 0, 0});
}

}  // namespace ingot::grammar
