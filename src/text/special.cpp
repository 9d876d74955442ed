// Finding spellings: one pass over the text finds the longest at each position, then matches are taken longest first.
#include "text/special.h"

#include <algorithm>
#include <functional>
#include <map>
#include <numeric>

namespace ingot::text {
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
  // The end of the text that a control token beginning at `at` may cover.
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
      // What is chosen by now is no shorter than this match, so an overlap covers its first or its last byte, and what
      // covers the last one covers all from its own beginning on. A place comes here O(log n) times: the next match to
      // cut off what is found there is no shorter than that, but fits before the one that did it now, so that the room
      // more than halves.
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

// The first position from `at` that is not ASCII white space.
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
