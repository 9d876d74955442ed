#include <algorithm>
#include <cmath>

#include "base/checked.h"
#include "sampling/penalties.h"

namespace ingot::sampling {

Dry::Dry(int vocab, const std::function<std::string(int32_t)>& piece, const SamplingOptions& options)
    : breakers_(options.dry_sequence_breakers), piece_(piece), roles_(vocab), longest_(vocab) {
  for (int32_t id = 0; id < vocab; id++) {
    std::string text = piece(id);
    for (const std::string& b : breakers_) {
      if (text.find(b) != std::string::npos) {
        roles_[id] = holds;
        break;
      }
      for (size_t n = 1; n < b.size() && roles_[id] == none; n++)
        if (text.ends_with(std::string_view(b).substr(0, n))) roles_[id] = begins;
    }
  }
}

/// Does a breaker begin in the first of `tokens` and reach into others? `end`: how many tokens it touches.
bool Dry::breaker_from(std::span<const int32_t> tokens, size_t& end) const {
  size_t longest = std::ranges::max(breakers_, {}, &std::string::size).size();
  std::string text = piece_(tokens[0]);
  size_t first_bytes = text.size();
  if (first_bytes >= longest) text.erase(0, first_bytes - (longest - 1)), first_bytes = text.size();
  for (end = 1; end < tokens.size() && text.size() < first_bytes + longest;) {
    text += piece_(tokens[end++]);
    for (const std::string& b : breakers_)
      if (text.find(b) < first_bytes) return true;
  }
  return false;
}

size_t Dry::since_breaker(std::span<const int32_t> tokens) const {
  size_t end;
  for (size_t i = tokens.size(); i-- > 0;) {
    Role role = roles_[tokens[i]];
    if (role == holds) return tokens.size() - i - 1;
    if (role == begins && breaker_from(tokens.subspan(i), end)) return tokens.size() - i - end;
  }
  return tokens.size();
}

void Dry::apply(Candidates& c, std::span<const int32_t> tokens, const SamplingOptions& o) {
  tokens = last_of(tokens, o.dry_penalty_last_n);
  int32_t n = narrow<int32_t>(tokens.size()), allowed = std::max(o.dry_allowed_length, 1);
  int32_t limit = narrow<int32_t>(since_breaker(tokens));
  if (limit < allowed || n < 2) return;

  // matches_[k]: how many tokens at the end are those that end k places earlier; all of them in linear time, each from
  // what is known of the match that reaches furthest (the Z algorithm, on the text read backwards).
  auto back = [&](int32_t i) { return tokens[n - 1 - i]; };
  matches_.assign(n, 0);
  for (int32_t k = 1, from = 0, to = 0; k < n; k++) {
    int32_t m = k < to ? std::min(to - k, matches_[k - from]) : 0;
    while (k + m < n && back(m) == back(k + m)) m++;
    if (k + m > to) from = k, to = k + m;
    matches_[k] = m;
  }
  for (int32_t k = 1; k < n; k++) {
    int32_t& longest = longest_[back(k - 1)];
    longest = std::max(longest, std::min(matches_[k], limit));
  }
  for (Candidate& x : c.change())
    if (longest_[x.id] >= allowed)
      x.logit =
          bounded(x.logit - o.dry_multiplier * std::pow(double(o.dry_base), longest_[x.id] - o.dry_allowed_length));
  for (int32_t t : tokens) longest_[t] = 0;
}

}  // namespace ingot::sampling
