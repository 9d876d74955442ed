// Finding the spellings: one walk over the text gives the longest at each place, then the longest of all are taken first.
#include "text/special.h"

#include <algorithm>
#include <functional>
#include <map>
#include <numeric>

#include "base/checked.h"

namespace ingot::text {

// ---- the automaton

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
        next = narrow<uint32_t>(tree.size(), "text", "the length of all special tokens");
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

// ---- the tokens

namespace {

std::vector<SpellingAutomaton::Spelling> spellings_of(const Vocabulary& vocabulary) {
  std::vector<SpellingAutomaton::Spelling> spellings;
  for (size_t id = 0; id < vocabulary.types.size(); id++) {
    const TokenType type = vocabulary.types[id];
    const bool always = type == TokenType::user_defined;
    if (!always && type != TokenType::control && type != TokenType::unknown) continue;
    if (!vocabulary.tokens[id].empty()) spellings.push_back({vocabulary.tokens[id], static_cast<int32_t>(id), always});
  }
  return spellings;
}

}  // namespace

SpecialTokens::SpecialTokens(const Vocabulary& vocabulary) : automaton_(spellings_of(vocabulary)) {
  if (!vocabulary.stripping.empty()) strips_.resize(vocabulary.tokens.size());
  for (const int32_t id : vocabulary.stripping) strips_[static_cast<size_t>(id)] = true;
}

SpecialTokens::Match SpecialTokens::longest(Match found, size_t max_bytes, size_t control_end, uint64_t& work) const {
  const auto& always = automaton_.longest(found.state, SpellingAutomaton::always, max_bytes, work);
  const size_t max_control = control_end > found.at ? std::min(max_bytes, control_end - found.at) : 0;
  const auto& any = automaton_.longest(found.state, SpellingAutomaton::any, max_control, work);
  const auto& best = any.bytes > always.bytes ? any : always;
  found.bytes = best.bytes;
  found.id = best.id;
  return found;
}

std::vector<SpecialTokens::Match> SpecialTokens::matches(std::string_view text, bool parse_special,
                                                         std::span<const Span> plain, uint64_t& work) const {
  // How far a control token that begins at `at` may reach.
  const auto control_end = [&](size_t at) {
    if (!parse_special) return size_t{0};
    const auto next =
        std::upper_bound(plain.begin(), plain.end(), at, [](size_t x, const Span& span) { return x < span.end; });
    return next == plain.end() ? text.size() : next->begin;
  };
  std::vector<Match> found;
  Match here{text.size(), 0, -1, 0};
  while (here.at-- > 0) {
    here.state = automaton_.step(here.state, static_cast<uint8_t>(text[here.at]), work);
    if (!here.state) continue;
    const Match match = longest(here, SIZE_MAX, control_end(here.at), work);
    if (match.id >= 0) found.push_back(match);
  }
  std::map<size_t, std::vector<Match>, std::greater<>> by_length;
  for (auto match = found.rbegin(); match != found.rend(); ++match) by_length[match->bytes].push_back(*match);
  std::vector<Match> chosen;
  if (by_length.empty()) return chosen;
  const auto from_left = [](const Match& a, const Match& b) { return a.at < b.at; };
  std::vector<bool> covered(text.size());
  for (auto group = by_length.begin(); group != by_length.end(); ++group) {
    auto& candidates = group->second;
    if (!std::is_sorted(candidates.begin(), candidates.end(), from_left))
      std::sort(candidates.begin(), candidates.end(), from_left);
    for (const Match& match : candidates) {
      work++;
      if (covered[match.at]) continue;
      // What is chosen by now is no shorter than this match, so an overlap covers its first or its last byte, and what covers the
      // last one covers all from its own beginning on. A place comes here O(log n) times: the next match to cut off what is found
      // there is no shorter than that, but fits before the one that did it now, so that the room more than halves.
      if (covered[match.at + match.bytes - 1]) {
        size_t is_free = match.at, is_covered = match.at + match.bytes - 1;
        for (; is_covered - is_free > 1; work++) {
          const size_t middle = std::midpoint(is_free, is_covered);
          (covered[middle] ? is_covered : is_free) = middle;
        }
        const Match shorter = longest(match, is_covered - match.at, control_end(match.at), work);
        if (shorter.id >= 0) by_length[shorter.bytes].push_back(shorter);
        continue;
      }
      std::fill_n(covered.begin() + static_cast<ptrdiff_t>(match.at), match.bytes, true);
      chosen.push_back(match);
    }
  }
  std::sort(chosen.begin(), chosen.end(), from_left);
  return chosen;
}

namespace {

// First position from `at` on that holds no white space of ASCII.
size_t behind_space(std::string_view text, size_t at) {
  return std::min(text.find_first_not_of(" \t\n\v\f\r", at), text.size());
}

}  // namespace

std::vector<Fragment> SpecialTokens::split(std::string_view text, bool parse_special, std::span<const Span> plain,
                                           uint64_t* work) const {
  std::vector<Fragment> fragments;
  uint64_t done = 0;
  size_t from = 0;
  for (const Match& match : matches(text, parse_special, plain, done)) {
    if (match.at > from) fragments.push_back({text.substr(from, match.at - from), -1});
    fragments.push_back({text.substr(match.at, match.bytes), match.id});
    from = match.at + match.bytes;
    if (strips(match.id)) from = behind_space(text, from);
  }
  if (from < text.size()) fragments.push_back({text.substr(from), -1});
  if (work) *work += done;
  return fragments;
}

}  // namespace ingot::text
