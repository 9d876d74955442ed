// Plain reference implementations of the samplers: whole distributions sorted in double precision, straight from the
// published rules. Each returns the distribution that is left, most probable first; a token that was cut is not in it.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <span>
#include <vector>

namespace ingot::tests {

struct Token {
  int32_t id;
  double logit, p;
};
using Distribution = std::vector<Token>;

/// Sorts, and makes probabilities of logits.
inline Distribution normalized(Distribution d) {
  std::ranges::sort(
      d, [](const Token& a, const Token& b) { return a.logit != b.logit ? a.logit > b.logit : a.id < b.id; });
  double total = 0;
  for (Token& t : d) total += t.p = std::exp(t.logit - d[0].logit);
  for (Token& t : d) t.p /= total;
  return d;
}

inline Distribution distribution(std::span<const float> logits) {
  Distribution d;
  for (float x : logits) d.push_back({static_cast<int32_t>(d.size()), x, 0});
  return normalized(d);
}

inline double entropy(const Distribution& d) {
  double h = 0;
  for (const Token& t : d)
    if (t.p > 0) h -= t.p * std::log(t.p);
  return h;
}

/// The first tokens of `d` until they hold `p`.
inline Distribution until(Distribution d, double p) {
  double held = 0;
  size_t n = 0;
  while (n < d.size() && (n == 0 || held < p)) held += d[n++].p;
  d.erase(d.begin() + n, d.end());
  return normalized(d);
}

template <class Keep> Distribution those(Distribution d, Keep keep) {
  std::erase_if(d, [&](const Token& t) { return !keep(t); });
  return normalized(d);
}

inline Distribution reference_top_k(Distribution d, int k) {
  if (d.size() > static_cast<size_t>(k)) d.erase(d.begin() + k, d.end());
  return normalized(d);
}
inline Distribution reference_top_p(const Distribution& d, double p) { return until(d, p); }
inline Distribution reference_min_p(const Distribution& d, double p) {
  return those(d, [&](const Token& t) { return t.p >= p * d[0].p; });
}
inline Distribution reference_typical(Distribution d, double p) {
  double h = entropy(d);
  auto distance = [&](const Token& t) { return std::abs(-std::log(t.p) - h); };
  std::ranges::sort(d, [&](const Token& a, const Token& b) {
    return distance(a) != distance(b) ? distance(a) < distance(b) : a.id < b.id;
  });
  return until(d, p);
}
inline Distribution reference_top_n_sigma(const Distribution& d, double n) {
  double mean = 0, variance = 0;
  for (const Token& t : d) mean += t.logit / double(d.size());
  for (const Token& t : d) variance += std::pow(t.logit - mean, 2) / double(d.size());
  return those(d, [&](const Token& t) { return t.logit >= d[0].logit - n * std::sqrt(variance); });
}
inline Distribution reference_xtc(Distribution d, double threshold) {
  size_t above = 0;
  while (above < d.size() && d[above].p >= threshold) above++;
  if (above > 1) d.erase(d.begin(), d.begin() + (above - 1));
  return normalized(d);
}
inline Distribution reference_temperature(Distribution d, double t) {
  if (t == 0) return reference_top_k(d, 1);
  for (Token& x : d) x.logit /= t;
  return normalized(d);
}
inline double reference_dynamic_temperature(const Distribution& d, double t, double range, double exponent) {
  double low = std::max(0.0, t - range), high = t + range;
  if (d.size() == 1) return t;
  return low + (high - low) * std::pow(entropy(d) / std::log(double(d.size())), exponent);
}

inline Distribution reference_penalties(Distribution d, std::span<const int32_t> text, int last_n, double repeat,
                                        double presence, double frequency) {
  for (Token& t : d) {
    int count = 0;
    for (size_t i = 0; i < text.size(); i++)
      if (text[i] == t.id && (last_n < 0 || text.size() - i <= static_cast<size_t>(last_n))) count++;
    if (count == 0) continue;
    t.logit = t.logit > 0 ? t.logit / repeat : t.logit * repeat;
    t.logit -= count * frequency + presence;
  }
  return normalized(d);
}

/// `behind`: tokens at the end of the text that stand behind the last breaker.
inline Distribution reference_dry(Distribution d, std::vector<int32_t> text, size_t behind, int last_n,
                                  double multiplier, double base, int allowed) {
  if (last_n >= 0 && text.size() > static_cast<size_t>(last_n)) text.erase(text.begin(), text.end() - last_n);
  for (Token& t : d) {
    size_t longest = 0;
    for (size_t next = 1; next < text.size(); next++) {  // the token at `next` follows an earlier text[.. next − 1]
      if (text[next] != t.id) continue;
      size_t m = 0;
      while (m < next && m < behind && text[next - 1 - m] == text[text.size() - 1 - m]) m++;
      longest = std::max(longest, m);
    }
    if (longest >= 1 && longest >= static_cast<size_t>(allowed))
      t.logit -= multiplier * std::pow(base, double(longest) - allowed);
  }
  return normalized(d);
}

}  // namespace ingot::tests
