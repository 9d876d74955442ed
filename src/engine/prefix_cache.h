// Pages that outlive their sequences, for texts that begin with the same tokens. A tree: the children of a page are the
// pages that followed it, each found by the page before it and its own tokens, which are compared exactly.
#pragma once
#include <array>
#include <cstdint>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include "base/keyed_hash.h"
#include "engine/page_pool.h"
#include "plan/batch.h"

namespace ingot::engine {

/// It counts as one user of each page that it holds. Not safe to share between threads.
class PrefixCache {
 public:
  explicit PrefixCache(PagePool& pool) : pool_(pool) {}
  /// The longest run of full pages with which `tokens` begins, leaving out at least one token: something has to be run
  /// to know what follows. Each page gets one more user, the caller.
  std::vector<int32_t> find(std::span<const int32_t> tokens);
  /// Keeps the pages that `tokens` fill; `pages` are those that hold their keys and values. What is there already
  /// stays.
  void add(std::span<const int32_t> tokens, std::span<const int32_t> pages);
  /// Evicts the least recently used page, of those without children and other users. False: there is none.
  bool drop_one();
  /// Evicts all pages, whoever else uses them. False: there was none.
  bool clear();
  int pages() const { return static_cast<int>(nodes_.size() - unused_.size()); }

 private:
  struct Key {
    int32_t parent = -1;  // a node; -1: the beginning of a text
    std::array<int32_t, plan::page_positions> tokens;
    bool operator==(const Key&) const = default;
  };
  struct Node {
    Key key;
    int32_t page = -1;
    int children = 0;
    uint64_t used = 0;  // when it was last used
  };
  static Key key_of(int32_t parent, std::span<const int32_t> tokens, size_t page);
  void touch(int32_t node);
  int32_t new_node();

  PagePool& pool_;
  std::vector<Node> nodes_;
  std::vector<int32_t> unused_;  // of nodes_
  HashMap<Key, int32_t> by_key_;
  std::set<std::pair<uint64_t, int32_t>> leaves_;  // by use
  uint64_t clock_ = 0;
};

}  // namespace ingot::engine
