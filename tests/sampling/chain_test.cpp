// The chain as a whole: order, mask, bias, draws, repeatability, what is refused.
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <random>

#include "sampling/chain.h"
#include "sampling/distributions.h"
#include "sampling/references.h"

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
                             std::span<const uint64_t> allowed = {}, std::span<const int32_t> text = {}) {
  Chain chain(tokens(logits.size()), options);
  std::map<int32_t, int> count;
  for (int i = 0; i < n; i++) count[chain.choose(logits, text, allowed)]++;
  return count;
}

TEST(Chain, TemperatureZeroTakesTheBestAndTheLowerIdOfEquals) {
  SamplingOptions o;
  o.temperature = 0;
  EXPECT_EQ(draws(logits_of({0.1, 0.4, 0.4, 0.1}), o, 10), (std::map<int32_t, int>{{1, 10}}));
}

// With a mask that allows all, every token is looked at.
TEST(Chain, TheBestWithABiasAreTheBestOfAll) {
  std::mt19937 random(7);
  std::uniform_int_distribution<int> some(-8, 8);
  constexpr int vocab = 700;
  const std::vector<uint64_t> all((vocab + 63) / 64, ~uint64_t(0));
  for (int round = 0; round < 300; round++) {
    SamplingOptions o;
    o.temperature = round % 3 == 0 ? 0.0f : 1.0f, o.top_k = 1 + round % 5, o.top_p = 1, o.min_p = 0;
    o.ignore_end = round % 2 == 0, o.seed = static_cast<uint64_t>(round);
    for (int i = 0; i < round % 80; i++)
      o.logit_bias.push_back({round % 7 * 13 + i, i % 4 == 0 ? -INFINITY : static_cast<float>(some(random))});
    std::vector<float> logits(vocab);
    for (float& l : logits) l = static_cast<float>(some(random));  // many are equal
    Chain quick(tokens(vocab), o), slow(tokens(vocab), o);
    for (int i = 0; i < 5; i++) ASSERT_EQ(quick.choose(logits, {}, {}), slow.choose(logits, {}, all)) << round;
  }
}

TEST(Chain, DrawsFollowTheDistribution) {
  std::vector<double> p = {0.5, 0.25, 0.15, 0.1};
  tests::expect_distribution(draws(logits_of(p), plain(), 20000), p);
}

// One sampler on, all others off: draws follow what its reference leaves.
TEST(Chain, DrawsOfEachSamplerFollowItsReference) {
  using namespace ingot::tests;
  const std::vector<float> logits = logits_of({0.3, 0.25, 0.2, 0.1, 0.06, 0.05, 0.03, 0.01});
  const std::vector<int32_t> text = {5, 1, 6, 2, 1, 6};
  const Distribution d = distribution(logits);
  struct Case {
    const char* name;
    void (*set)(SamplingOptions&);
    Distribution left;
  };
  const double dynamic = reference_dynamic_temperature(d, 1, 0.5, 1.5);
  const Case cases[] = {
      {"top_k", [](SamplingOptions& o) { o.top_k = 5; }, reference_top_k(d, 5)},
      {"top_p", [](SamplingOptions& o) { o.top_p = 0.8f; }, reference_top_p(d, 0.8)},
      {"min_p", [](SamplingOptions& o) { o.min_p = 0.15f; }, reference_min_p(d, 0.15)},
      {"typ_p", [](SamplingOptions& o) { o.typical_p = 0.7f; }, reference_typical(d, 0.7)},
      {"top_n_sigma", [](SamplingOptions& o) { o.top_n_sigma = 1.2f; }, reference_top_n_sigma(d, 1.2)},
      {"xtc", [](SamplingOptions& o) { o.xtc_probability = 1, o.xtc_threshold = 0.09f; }, reference_xtc(d, 0.09)},
      {"temperature", [](SamplingOptions& o) { o.temperature = 0.6f; }, reference_temperature(d, 0.6)},
      {"dynamic temperature", [](SamplingOptions& o) { o.dynatemp_range = 0.5f, o.dynatemp_exponent = 1.5f; },
       reference_temperature(d, dynamic)},
      {"penalties",
       [](SamplingOptions& o) {
         o.repeat_penalty = 1.3f, o.frequency_penalty = 0.4f, o.presence_penalty = 0.2f, o.repeat_last_n = 5;
       },
       reference_penalties(d, text, 5, 1.3, 0.2, 0.4)},
      {"dry", [](SamplingOptions& o) { o.dry_multiplier = 0.7f; },
       reference_dry(d, text, text.size(), -1, 0.7, 1.75, 2)},
      {"mirostat",
       [](SamplingOptions& o) {
         o.mirostat = 2, o.mirostat_ent = 1.4f, o.mirostat_lr = 0;
       },  // a limit that stands: 2.8 bits
       those(d, [](const Token& t) { return -std::log2(t.p) <= 2.8; })},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    std::vector<double> p(logits.size());
    for (const Token& t : c.left) p[t.id] = t.p;
    bool changed = c.left.size() != d.size();
    for (const Token& t : d) changed |= std::abs(p[t.id] - t.p) > 0.01;
    EXPECT_TRUE(changed) << "the case shows nothing";
    SamplingOptions o = plain();
    c.set(o);
    expect_distribution(draws(logits, o, 20000, {}, text), p);
  }
}

TEST(Chain, XtcIsAppliedAsOftenAsAskedFor) {
  SamplingOptions o = plain();
  o.xtc_probability = 0.3f, o.xtc_threshold = 0.2f;  // applied, it leaves 0.3 : 0.1 of 0.6 : 0.3 : 0.1
  tests::expect_distribution(draws(logits_of({0.6, 0.3, 0.1}), o, 20000),
                             {0.7 * 0.6, 0.7 * 0.3 + 0.3 * 0.75, 0.7 * 0.1 + 0.3 * 0.25});
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
  for (std::vector<uint64_t> allowed :
       {std::vector<uint64_t>{1}, {1, 1, 1}, {0, 0}, {0, 2}})  // the last names token 65
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
    EXPECT_EQ(chain.choose(logits, text, {}), order[0] == "penalties" ? 1 : 0)
        << order[0];  // top_k 1 in front leaves no choice
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
                            [](SamplingOptions& o) { o.logit_bias = {{2, 0}}; },
                            [](SamplingOptions& o) { o.logit_bias = {{0, INFINITY}}; },
                            [](SamplingOptions& o) { o.samplers = {"top_q"}; }};
  for (Change change : changes) {
    SamplingOptions o;
    change(o);
    EXPECT_THROW(Chain(tokens(2), o), Error) << &change - changes;
  }
  for (float wrong : {NAN, INFINITY, -INFINITY}) EXPECT_THROW(draws({1, wrong}, plain(), 1), Error);
  EXPECT_THROW(draws({-INFINITY, -INFINITY}, plain(), 1), Error);
  Chain two(tokens(2), plain());
  EXPECT_THROW(two.choose(std::vector<float>(3), {}, {}), Error);
  EXPECT_THROW(two.choose(std::vector<float>(2), std::vector<int32_t>{2}, {}), Error);
}

}  // namespace
}  // namespace ingot::sampling
