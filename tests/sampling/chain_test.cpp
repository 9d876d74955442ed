// The chain as a whole: order, mask, bias, draws, repeatability, what is refused.
#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "sampling/chain.h"
#include "sampling/distributions.h"

namespace ingot::sampling {
namespace {

using tests::logits_of;
using tests::plain;

constexpr int32_t end_token = 3;

Tokens tokens(size_t n) {
  return {static_cast<int>(n), [](int32_t id) { return std::string(1, static_cast<char>('a' + id % 26)); },
          [](int32_t id) { return id == end_token; }};
}

/// How often each token is drawn in `n` draws, one after another.
std::map<int32_t, int> draws(const std::vector<float>& logits, const SamplingOptions& options, int n,
                             std::span<const uint64_t> allowed = {}) {
  Chain chain(tokens(logits.size()), options);
  std::map<int32_t, int> count;
  for (int i = 0; i < n; i++) count[chain.choose(logits, {}, allowed)]++;
  return count;
}

TEST(Chain, TemperatureZeroTakesTheBestAndTheLowerIdOfEquals) {
  SamplingOptions o;
  o.temperature = 0;
  EXPECT_EQ(draws(logits_of({0.1, 0.4, 0.4, 0.1}), o, 10), (std::map<int32_t, int>{{1, 10}}));
}

TEST(Chain, DrawsFollowTheDistribution) {
  std::vector<double> p = {0.5, 0.25, 0.15, 0.1};
  tests::expect_distribution(draws(logits_of(p), plain(), 20000), p);
}

TEST(Chain, TemperatureSharpens) {
  SamplingOptions o = plain();
  o.temperature = 0.5f;  // probabilities squared: 0.64 : 0.04
  tests::expect_distribution(draws(logits_of({0.8, 0.2}), o, 20000), {0.64 / 0.68, 0.04 / 0.68});
}

TEST(Chain, OnlyAllowedTokensAreDrawnByTheirShares) {
  std::vector<float> logits(130, 0);
  std::vector<uint64_t> allowed = {1, 1ull << 63, 2};  // tokens 0, 127, 129
  logits[129] = std::log(2.0f);
  auto count = draws(logits, plain(), 20000, allowed);
  tests::expect_distribution({{0, count[0]}, {1, count[127]}, {2, count[129]}}, {0.25, 0.25, 0.5});
  SamplingOptions greedy;
  greedy.temperature = 0;
  EXPECT_EQ(draws(logits, greedy, 1, std::vector<uint64_t>{0, 6, 0}).begin()->first, 65);
}

TEST(Chain, RefusesMasksThatDoNotFitOrLeaveNothing) {
  std::vector<float> logits(65);
  for (std::vector<uint64_t> allowed : {std::vector<uint64_t>{1}, {1, 1, 1}, {0, 0}, {0, 2}})  // the last names token 65
    EXPECT_THROW(draws(logits, plain(), 1, allowed), Error);
  EXPECT_NO_THROW(draws(logits, plain(), 1, std::vector<uint64_t>{0, 1}));
}

TEST(Chain, BiasChangesShares) {
  SamplingOptions o = plain();
  o.logit_bias = {{0, std::log(3.0f)}, {1, -INFINITY}};
  auto count = draws(logits_of({0.2, 0.6, 0.2}), o, 20000);
  EXPECT_EQ(count.count(1), 0u);
  tests::expect_distribution({{0, count[0]}, {1, count[2]}}, {0.75, 0.25});
}

TEST(Chain, IgnoredEndsAreNeverDrawn) {
  SamplingOptions o = plain();
  o.ignore_end = true;
  EXPECT_EQ(draws(logits_of({0.01, 0.01, 0.01, 0.97}), o, 2000).count(end_token), 0u);
}

TEST(Chain, OrderMatters) {
  // Temperature 2 flattens 0.9 : 0.1 to 0.75 : 0.25, so that top_p 0.8 keeps both behind it and one in front of it.
  SamplingOptions o = plain();
  o.temperature = 2;
  o.top_p = 0.8f;
  o.samplers = {"top_p", "temperature"};
  EXPECT_EQ(draws(logits_of({0.9, 0.1}), o, 200).size(), 1u);
  o.samplers = {"temperature", "top_p"};
  EXPECT_EQ(draws(logits_of({0.9, 0.1}), o, 200).size(), 2u);
  o.samplers = {"temperature"};
  EXPECT_EQ(draws(logits_of({0.9, 0.1}), o, 200).size(), 2u);
}

TEST(Chain, GreedyLooksAtPenaltiesWhereverTheyStand) {
  std::vector<int32_t> text = {0};
  std::vector<float> logits = {2, 1.5f, 1};
  for (std::vector<std::string> order : {std::vector<std::string>{"penalties", "top_k", "temperature"},
                                         {"top_k", "penalties", "temperature"},
                                         {"temperature", "penalties"}}) {
    SamplingOptions o;
    o.temperature = 0, o.top_k = 1, o.presence_penalty = 5, o.samplers = order;
    Chain chain(tokens(3), o);
    EXPECT_EQ(chain.choose(logits, text, {}), order[0] == "penalties" ? 1 : 0) << order[0];  // top_k 1 in front leaves no choice
  }
}

TEST(Chain, SameSeedAndPositionSameToken) {
  std::vector<float> logits = logits_of({0.25, 0.25, 0.25, 0.25});
  std::vector<int32_t> text;
  SamplingOptions o = plain();
  o.seed = 1;
  Chain a(tokens(4), o), b(tokens(4), o);
  o.seed = 2;
  Chain other(tokens(4), o);
  int different = 0;
  for (int i = 0; i < 200; i++) {
    int32_t first = a.choose(logits, text, {});
    EXPECT_EQ(b.choose(logits, text, {}), first);
    o.seed = 1;
    EXPECT_EQ(Chain(tokens(4), o).choose(logits, text, {}), first) << "begun in the middle";
    different += other.choose(logits, text, {}) != first;
    text.push_back(first);
  }
  EXPECT_GT(different, 100);
}

TEST(Chain, AShortenedTextGoesOnToTheNextNumber) {
  std::vector<float> logits(1000, 0);
  std::vector<int32_t> text(100, 5);
  Chain a(tokens(1000), plain()), b(tokens(1000), plain());
  a.choose(logits, text, {});
  b.choose(logits, text, {});
  EXPECT_EQ(a.choose(logits, std::span(text).first(50), {}), b.choose(logits, std::vector<int32_t>(101, 5), {}));
}

TEST(Chain, RefusesWhatIsOutOfRange) {
  using Change = void (*)(SamplingOptions&);
  const Change changes[] = {[](SamplingOptions& o) { o.temperature = -1; },
                            [](SamplingOptions& o) { o.temperature = NAN; },
                            [](SamplingOptions& o) { o.top_p = 0; },
                            [](SamplingOptions& o) { o.top_p = 1.5f; },
                            [](SamplingOptions& o) { o.min_p = -0.1f; },
                            [](SamplingOptions& o) { o.top_k = -1; },
                            [](SamplingOptions& o) { o.typical_p = 0; },
                            [](SamplingOptions& o) { o.top_n_sigma = NAN; },
                            [](SamplingOptions& o) { o.xtc_probability = 2; },
                            [](SamplingOptions& o) { o.xtc_threshold = -1; },
                            [](SamplingOptions& o) { o.dynatemp_range = -1; },
                            [](SamplingOptions& o) { o.dynatemp_exponent = INFINITY; },
                            [](SamplingOptions& o) { o.dry_multiplier = -1; },
                            [](SamplingOptions& o) { o.dry_base = 0.5f; },
                            [](SamplingOptions& o) { o.dry_allowed_length = -1; },
                            [](SamplingOptions& o) { o.dry_penalty_last_n = -2; },
                            [](SamplingOptions& o) { o.dry_sequence_breakers = {""}; },
                            [](SamplingOptions& o) { o.repeat_penalty = 0; },
                            [](SamplingOptions& o) { o.repeat_last_n = -2; },
                            [](SamplingOptions& o) { o.presence_penalty = NAN; },
                            [](SamplingOptions& o) { o.frequency_penalty = INFINITY; },
                            [](SamplingOptions& o) { o.mirostat = 1; },
                            [](SamplingOptions& o) { o.mirostat_lr = -1; },
                            [](SamplingOptions& o) { o.mirostat_ent = NAN; },
                            [](SamplingOptions& o) {
                              o.logit_bias = {{2, 0}};
                            },
                            [](SamplingOptions& o) {
                              o.logit_bias = {{0, INFINITY}};
                            },
                            [](SamplingOptions& o) { o.samplers = {"top_q"}; }};
  for (Change change : changes) {
    SamplingOptions o;
    change(o);
    EXPECT_THROW(Chain(tokens(2), o), Error) << &change - changes;
  }
  for (float wrong : {NAN, INFINITY}) EXPECT_THROW(draws({1, wrong}, plain(), 1), Error);
  EXPECT_THROW(draws({-INFINITY, -INFINITY}, plain(), 1), Error);
  Chain two(tokens(2), plain());
  EXPECT_THROW(two.choose(std::vector<float>(3), {}, {}), Error);
  EXPECT_THROW(two.choose(std::vector<float>(2), std::vector<int32_t>{2}, {}), Error);
}

}  // namespace
}  // namespace ingot::sampling
