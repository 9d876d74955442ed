// Choosing a token from fixed distributions: every option alone against its definition, draws against their probabilities.
#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "engine/sampling.h"

namespace ingot::engine {
namespace {

// Logits of probabilities.
std::vector<float> logits_of(std::initializer_list<double> p) {
  std::vector<float> logits;
  for (double x : p) logits.push_back(static_cast<float>(std::log(x)));
  return logits;
}

SamplingOptions plain() { return {1.0f, 0, 1.0f, 0.0f, 0}; }

// How often each token is drawn in `n` draws at different positions.
std::map<int32_t, int> draws(const std::vector<float>& logits, SamplingOptions options, int n) {
  Sampler sampler(static_cast<int>(logits.size()));
  std::map<int32_t, int> count;
  for (int i = 0; i < n; i++) count[sampler.sample(logits, options, i)]++;
  return count;
}

TEST(Sampling, TemperatureZeroTakesTheBestAndTheLowerIdOfEquals) {
  SamplingOptions o = plain();
  o.temperature = 0;
  Sampler sampler(4);
  EXPECT_EQ(sampler.sample(logits_of({0.1, 0.4, 0.4, 0.1}), o, 0), 1);
}

TEST(Sampling, DrawsFollowTheDistribution) {
  std::vector<float> logits = logits_of({0.5, 0.25, 0.15, 0.1});
  constexpr int n = 20000;
  auto count = draws(logits, plain(), n);
  double expected[] = {0.5, 0.25, 0.15, 0.1}, chi = 0;
  for (int i = 0; i < 4; i++) chi += std::pow(count[i] - expected[i] * n, 2) / (expected[i] * n);
  EXPECT_LT(chi, 16.3);  // 3 degrees of freedom, p = 0.001
}

TEST(Sampling, TemperatureSharpens) {
  SamplingOptions o = plain();
  o.temperature = 0.5f;  // probabilities squared: 0.64 : 0.04
  auto count = draws(logits_of({0.8, 0.2}), o, 20000);
  EXPECT_NEAR(count[0] / 20000.0, 0.64 / 0.68, 0.01);
}

TEST(Sampling, TopKKeepsThatMany) {
  SamplingOptions o = plain();
  o.top_k = 2;
  auto count = draws(logits_of({0.1, 0.4, 0.3, 0.2}), o, 2000);
  EXPECT_EQ(count.size(), 2u);
  EXPECT_TRUE(count.contains(1) && count.contains(2));
}

TEST(Sampling, TopPKeepsTheFewestThatReachIt) {
  SamplingOptions o = plain();
  o.top_p = 0.69f;
  auto count = draws(logits_of({0.4, 0.3, 0.2, 0.1}), o, 2000);
  EXPECT_EQ(count.size(), 2u);
  o.top_p = 0.71f;
  EXPECT_EQ(draws(logits_of({0.4, 0.3, 0.2, 0.1}), o, 2000).size(), 3u);
}

TEST(Sampling, MinPKeepsThoseNearTheBest) {
  SamplingOptions o = plain();
  o.min_p = 0.4f;  // of the best: 0.2
  EXPECT_EQ(draws(logits_of({0.5, 0.25, 0.15, 0.1}), o, 2000).size(), 2u);
}

TEST(Sampling, SameSeedAndPositionSameToken) {
  std::vector<float> logits = logits_of({0.25, 0.25, 0.25, 0.25});
  Sampler a(4), b(4);
  SamplingOptions o = plain();
  int different = 0;
  for (int i = 0; i < 200; i++) {
    o.seed = 1;
    int32_t first = a.sample(logits, o, i);
    EXPECT_EQ(b.sample(logits, o, i), first);
    o.seed = 2;
    different += a.sample(logits, o, i) != first;
  }
  EXPECT_GT(different, 100);
}

TEST(Sampling, RefusesWhatIsOutOfRange) {
  Sampler s(2);
  std::vector<float> logits = logits_of({0.5, 0.5});
  for (auto change : {+[](SamplingOptions& o) { o.temperature = -1; }, +[](SamplingOptions& o) { o.temperature = NAN; }, +[](SamplingOptions& o) { o.top_p = 0; },
                      +[](SamplingOptions& o) { o.top_p = 1.5f; }, +[](SamplingOptions& o) { o.min_p = -0.1f; }, +[](SamplingOptions& o) { o.top_k = -1; }}) {
    SamplingOptions o = plain();
    change(o);
    EXPECT_THROW(s.sample(logits, o, 0), Error);
  }
  EXPECT_THROW(s.sample(std::vector<float>{1, NAN}, plain(), 0), Error);
}

TEST(Top, BestFirstWithLogprobs) {
  auto top3 = top(logits_of({0.1, 0.4, 0.4, 0.1}), 3);
  ASSERT_EQ(top3.size(), 3u);
  EXPECT_EQ(top3[0].id, 1);
  EXPECT_EQ(top3[1].id, 2);
  EXPECT_EQ(top3[2].id, 0);
  EXPECT_NEAR(top3[0].logprob, std::log(0.4), 1e-6);
  EXPECT_NEAR(log_softmax(logits_of({0.1, 0.4, 0.4, 0.1}), 3), std::log(0.1), 1e-6);
  EXPECT_EQ(top(logits_of({0.5, 0.5}), 10).size(), 2u);
}

}  // namespace
}  // namespace ingot::engine
