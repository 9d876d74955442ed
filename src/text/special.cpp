// Finding the spellings: one walk through a tree of all spellings for each position, then the longest first.
#include "text/special.h"

#include <algorithm>
#include <functional>
#include <map>

namespace ingot::text {

SpecialTokens::SpecialTokens(const Vocabulary& vocabulary) : nodes_(1), roots_(256, 0) {
  for (size_t id = 0; id < vocabulary.types.size(); id++) {
    const TokenType type = vocabulary.types[id];
    const bool always = type == TokenType::user_defined;
    if (!always && type != TokenType::control && type != TokenType::unknown) continue;
    if (!vocabulary.tokens[id].empty()) add(vocabulary.tokens[id], static_cast<int32_t>(id), always);
  }
  if (!vocabulary.stripping.empty()) strips_.resize(vocabulary.tokens.size());
  for (const int32_t id : vocabulary.stripping) strips_[static_cast<size_t>(id)] = true;
}

uint32_t SpecialTokens::child_of(uint32_t node, uint8_t byte) const {
  uint32_t child = nodes_[node].child;
  while (child && nodes_[child].byte != byte) child = nodes_[child].sibling;
  return child;
}

void SpecialTokens::add(std::string_view spelling, int32_t id, bool always) {
  uint32_t node = 0;
  for (const char c : spelling) {
    const auto byte = static_cast<uint8_t>(c);
    uint32_t next = node ? child_of(node, byte) : roots_[byte];
    if (!next) {
      next = static_cast<uint32_t>(nodes_.size());
      nodes_.push_back({byte, false, -1, 0, node ? nodes_[node].child : 0});
      (node ? nodes_[node].child : roots_[byte]) = next;
    }
    node = next;
  }
  nodes_[node].id = id;
  nodes_[node].always = always;
}

// The longest spelling at `at` that is shorter than `below` bytes, and, of a control token, ends by `control_end`; id -1 when there is
// none.
SpecialTokens::Match SpecialTokens::longest(std::string_view text, size_t at, size_t below, size_t control_end) const {
  Match best{at, 0, -1};
  uint32_t node = roots_[static_cast<uint8_t>(text[at])];
  for (size_t bytes = 1; node && bytes < below; bytes++) {
    if (nodes_[node].id >= 0 && (at + bytes <= control_end || nodes_[node].always)) best = {at, bytes, nodes_[node].id};
    if (at + bytes == text.size()) break;
    node = child_of(node, static_cast<uint8_t>(text[at + bytes]));
  }
  return best;
}

std::vector<SpecialTokens::Match> SpecialTokens::matches(std::string_view text, bool parse_special, std::span<const Span> plain) const {
  // How far a control token that begins at `at` may reach.
  const auto control_end = [&](size_t at) {
    if (!parse_special) return size_t{0};
    const auto next = std::upper_bound(plain.begin(), plain.end(), at, [](size_t x, const Span& span) { return x < span.end; });
    return next == plain.end() ? text.size() : next->begin;
  };
  std::map<size_t, std::vector<Match>, std::greater<>> by_length;
  for (size_t at = 0; at < text.size(); at++) {
    if (!roots_[static_cast<uint8_t>(text[at])]) continue;
    const Match match = longest(text, at, SIZE_MAX, control_end(at));
    if (match.id >= 0) by_length[match.bytes].push_back(match);
  }
  std::vector<Match> chosen;
  if (by_length.empty()) return chosen;
  const auto from_left = [](const Match& a, const Match& b) { return a.at < b.at; };
  std::vector<bool> covered(text.size());
  for (auto group = by_length.begin(); group != by_length.end(); ++group) {
    auto& candidates = group->second;
    if (!std::is_sorted(candidates.begin(), candidates.end(), from_left)) std::sort(candidates.begin(), candidates.end(), from_left);
    for (const Match& match : candidates) {
      if (covered[match.at]) continue;
      // What is chosen by now is no shorter than this match, so an overlap covers its first or its last byte.
      if (covered[match.at + match.bytes - 1]) {
        const Match shorter = longest(text, match.at, match.bytes, control_end(match.at));
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
size_t behind_space(std::string_view text, size_t at) { return std::min(text.find_first_not_of(" \t\n\v\f\r", at), text.size()); }

}  // namespace

std::vector<Fragment> SpecialTokens::split(std::string_view text, bool parse_special, std::span<const Span> plain) const {
  std::vector<Fragment> fragments;
  size_t from = 0;
  for (const Match& match : matches(text, parse_special, plain)) {
    if (match.at > from) fragments.push_back({text.substr(from, match.at - from), -1});
    fragments.push_back({text.substr(match.at, match.bytes), match.id});
    from = match.at + match.bytes;
    if (strips(match.id)) from = behind_space(text, from);
  }
  if (from < text.size()) fragments.push_back({text.substr(from), -1});
  return fragments;
}

}  // namespace ingot::text
