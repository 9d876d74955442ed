#include "text/spelling_automaton.h"

#include <algorithm>

#include "base/checked.h"

namespace ingot::text {
namespace {

// The tree of reversed spellings while it grows.
struct Draft {
  uint8_t byte = 0;
  bool always = false;
  int32_t id = -1;
  uint32_t child = 0, sibling = 0;  // 0: none
};

std::vector<Draft> tree_of(const std::vector<SpellingAutomaton::Spelling>& spellings) {
  std::vector<Draft> tree(1);
  uint32_t roots[256] = {};
  for (const auto& spelling : spellings) {
    uint32_t node = 0;
    for (size_t at = spelling.text.size(); at-- > 0;) {
      const auto byte = static_cast<uint8_t>(spelling.text[at]);
      uint32_t next = node ? tree[node].child : roots[byte];
      while (next && tree[next].byte != byte) next = tree[next].sibling;
      if (!next) {
        next = narrow<uint32_t>(tree.size(), "text", "the total length of special and long tokens");
        tree.push_back({.byte = byte, .sibling = tree[node].child});
        tree[node].child = next;
        if (!node) roots[byte] = next;
      }
      node = next;
    }
    tree[node].id = spelling.id;
    tree[node].always = spelling.always;
  }
  return tree;
}

}  // namespace

SpellingAutomaton::SpellingAutomaton(const std::vector<Spelling>& spellings) {
  const std::vector<Draft> tree = tree_of(spellings);
  std::vector<uint32_t> draft_of(1), parent_of(1), children;
  std::vector<uint32_t> hops[2];  // `shorter` until there is none
  const auto add = [&](uint32_t draft, uint32_t parent) {
    const Draft& d = tree[draft];
    nodes_.push_back({.first_child = 0,
                      .bytes = draft ? nodes_[parent].bytes + 1 : 0,
                      .id = d.id,
                      .byte = d.byte,
                      .always = d.always});
  };
  nodes_.reserve(tree.size() + 1);
  add(0, 0);
  uint64_t work = 0;
  // Shorter nodes come first, so that those that a node is linked to are there, and so are their children.
  for (uint32_t at = 0; at < tree.size(); at++) {
    Node& node = nodes_[at];
    if (parent_of[at]) node.fail = step(nodes_[parent_of[at]].fail, node.byte, work);
    for (const Kind kind : {any, always}) {
      Link& link = node.links[kind];
      link.shorter = counts(nodes_[node.fail], kind) ? node.fail : nodes_[node.fail].links[kind].shorter;
      const uint32_t near = nodes_[link.shorter].links[kind].jump, far = nodes_[near].links[kind].jump;
      hops[kind].push_back(at ? hops[kind][link.shorter] + 1 : 0);
      link.jump =
          hops[kind][link.shorter] - hops[kind][near] == hops[kind][near] - hops[kind][far] ? far : link.shorter;
    }
    node.first_child = static_cast<uint32_t>(nodes_.size());
    children.clear();
    for (uint32_t child = tree[draft_of[at]].child; child; child = tree[child].sibling) children.push_back(child);
    std::sort(children.begin(), children.end(), [&](uint32_t a, uint32_t b) { return tree[a].byte < tree[b].byte; });
    for (const uint32_t child : children) {
      if (at == 0) roots_[tree[child].byte] = static_cast<uint32_t>(nodes_.size());
      add(child, at);
      draft_of.push_back(child);
      parent_of.push_back(at);
    }
  }
  nodes_.push_back(
      {.first_child = static_cast<uint32_t>(nodes_.size()), .bytes = 0, .id = -1, .byte = 0, .always = false});
}

uint32_t SpellingAutomaton::child(uint32_t node, uint8_t byte) const {
  if (node == 0) return roots_[byte];
  const auto begin = nodes_.begin() + nodes_[node].first_child, end = nodes_.begin() + nodes_[node + 1].first_child;
  const auto found = std::lower_bound(begin, end, byte, [](const Node& a, uint8_t b) { return a.byte < b; });
  return found != end && found->byte == byte ? static_cast<uint32_t>(found - nodes_.begin()) : 0;
}

uint32_t SpellingAutomaton::step(uint32_t state, uint8_t byte, uint64_t& work) const {
  for (;;) {
    work++;
    if (const uint32_t next = child(state, byte)) return next;
    if (state == 0) return 0;
    state = nodes_[state].fail;
  }
}

const SpellingAutomaton::Node& SpellingAutomaton::longest(uint32_t state, Kind kind, size_t max_bytes,
                                                          uint64_t& work) const {
  uint32_t node = counts(nodes_[state], kind) ? state : nodes_[state].links[kind].shorter;
  for (; nodes_[node].bytes > max_bytes; work++) {
    const auto& link = nodes_[node].links[kind];
    node = nodes_[link.jump].bytes > max_bytes ? link.jump : link.shorter;
  }
  return nodes_[node];
}

}  // namespace ingot::text
