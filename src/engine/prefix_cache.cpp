#include "engine/prefix_cache.h"

#include <algorithm>
#include <utility>

#include "base/checked.h"

namespace ingot::engine {

PrefixCache::Key PrefixCache::key_of(int32_t parent, std::span<const int32_t> tokens, size_t page) {
  Key key{.parent = parent, .tokens = {}};
  std::ranges::copy(tokens.subspan(page * plan::page_positions, plan::page_positions), key.tokens.begin());
  return key;
}

void PrefixCache::touch(int32_t node) {
  Node& n = nodes_[node];
  if (n.children == 0) {
    auto leaf = leaves_.extract({n.used, node});
    leaf.value() = {clock_, node};
    leaves_.insert(std::move(leaf));
  }
  n.used = clock_;
}

/// An unused one, the last of unused_.
int32_t PrefixCache::new_node() {
  if (unused_.empty()) {
    nodes_.emplace_back();
    unused_.reserve(nodes_.capacity());  // so that evicting one allocates nothing
    unused_.push_back(narrow<int32_t>(nodes_.size() - 1));
  }
  return unused_.back();
}

std::vector<int32_t> PrefixCache::find(std::span<const int32_t> tokens) {
  std::vector<int32_t> pages;
  clock_++;
  int32_t node = -1;
  for (size_t i = 0; (i + 1) * plan::page_positions < tokens.size(); i++) {
    const auto found = by_key_.find(key_of(node, tokens, i));
    if (found == by_key_.end()) break;
    touch(node = found->second);
    pages.push_back(nodes_[node].page);
  }
  pool_.share(pages);
  return pages;
}

void PrefixCache::add(std::span<const int32_t> tokens, std::span<const int32_t> pages) {
  clock_++;
  int32_t parent = -1;
  for (size_t i = 0; (i + 1) * plan::page_positions <= tokens.size() && i < pages.size(); i++) {
    const Key key = key_of(parent, tokens, i);
    if (const auto found = by_key_.find(key); found != by_key_.end()) {
      touch(parent = found->second);
      continue;
    }
    const int32_t node = new_node();
    const auto leaf = leaves_.insert({clock_, node}).first;
    try {
      by_key_.emplace(key, node);
    } catch (...) {  // no memory: a key without its page would be found
      leaves_.erase(leaf);
      throw;
    }
    unused_.pop_back();
    nodes_[node] = {.key = key, .page = pages[i], .children = 0, .used = clock_};
    pool_.share(pages.subspan(i, 1));
    if (parent >= 0 && nodes_[parent].children++ == 0) leaves_.erase({nodes_[parent].used, parent});
    parent = node;
  }
}

bool PrefixCache::clear() {
  if (by_key_.empty()) return false;
  for (const auto& [key, node] : by_key_) pool_.release({&nodes_[node].page, 1});
  by_key_.clear(), leaves_.clear(), nodes_.clear(), unused_.clear();
  return true;
}

bool PrefixCache::drop_one() {
  const auto leaf =
      std::ranges::find_if(leaves_, [&](const auto& l) { return pool_.users(nodes_[l.second].page) == 1; });
  if (leaf == leaves_.end()) return false;
  const int32_t node = leaf->second;
  Node& n = nodes_[node];
  unused_.push_back(node);
  by_key_.erase(n.key);
  auto entry = leaves_.extract(leaf);
  if (const int32_t parent = n.key.parent; parent >= 0 && --nodes_[parent].children == 0) {
    entry.value() = {nodes_[parent].used, parent};
    leaves_.insert(std::move(entry));
  }
  pool_.release({&n.page, 1});
  return true;
}

}  // namespace ingot::engine
