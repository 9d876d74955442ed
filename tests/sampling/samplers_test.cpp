// Every sampler against its reference, on synthetic distributions: flat, peaked, with equals, with one token.
#include <gtest/gtest.h>

#include <functional>
#include <random>

#include "sampling/mirostat.h"
#include "sampling/penalties.h"
#include "sampling/samplers.h"
#include "sampling/references.h"

namespace ingot::sampling {
namespace {

using namespace ingot::tests;

std::mt19937 random_numbers(7);
double real(double low, double high) { return std::uniform_real_distribution<double>(low, high)(random_numbers); }
int whole(int low, int high) { return std::uniform_int_distribution<int>(low, high)(random_numbers); }

/// Logits in no order; every third list holds equals.
std::vector<float> synthetic(int i) {
  const int sizes[] = {1, 2, 3, 10, 63, 65, 200, 1000};
  std::vector<float> logits(sizes[i % std::size(sizes)]);
  double width = real(0.1, 8);
  for (float& x : logits) x = static_cast<float>(std::normal_distribution<double>(0, width)(random_numbers));
  if (i % 3 == 0)
    for (float& x : logits) x = std::round(x);
  return logits;
}

Candidates candidates(std::span<const float> logits) {
  Candidates c(static_cast<int>(logits.size()));
  for (size_t i = 0; i < logits.size(); i++) c.add(static_cast<int32_t>(i), logits[i]);
  return c;
}

/// The same tokens with the same probabilities, within a few float roundings.
void expect_same(Candidates& got, const Distribution& expected, const std::string& what) {
  got.sort(got.size());
  ASSERT_EQ(got.size(), expected.size()) << what;
  double total;
  std::span<double> weights = got.weights(total);
  for (size_t i = 0; i < expected.size(); i++) {
    ASSERT_EQ(got[i].id, expected[i].id) << what << ", place " << i;
    ASSERT_NEAR(weights[i] / total, expected[i].p, 1e-5) << what << ", place " << i;
  }
}

/// Runs sampler and reference, with a fresh option each time, alone and behind another sampler that sorts a part.
void compare(const char* name, double low, double high, const std::function<void(Candidates&, double)>& sampler,
             const std::function<Distribution(const Distribution&, double)>& reference) {
  size_t kept = 0, all = 0;
  for (int i = 0; i < 400; i++) {
    std::vector<float> logits = synthetic(i);
    double x = static_cast<float>(real(low, high));
    Candidates c = candidates(logits);
    Distribution d = distribution(logits);
    if (i % 2) c.sort(5);
    if (i % 5 == 0) top_k(c, 7), d = reference_top_k(d, 7);
    all += c.size();
    sampler(c, x);
    kept += c.size();
    expect_same(c, reference(d, x), std::string(name) + " " + std::to_string(x) + ", case " + std::to_string(i));
  }
  EXPECT_TRUE(kept < all || std::string_view(name) == "temperature") << "nothing was ever cut";
}

TEST(Samplers, TopK) {
  compare(
      "top_k", 1, 100, [](Candidates& c, double x) { top_k(c, static_cast<int>(x)); },
      [](const Distribution& d, double x) { return reference_top_k(d, static_cast<int>(x)); });
}
TEST(Samplers, TheBestAreAddedAsIfAllHadBeen) {
  for (int i = 0; i < 400; i++) {
    std::vector<float> logits = synthetic(i);
    int k = whole(1, 80);
    Candidates c(static_cast<int>(logits.size()));
    c.add_best(logits, k);
    expect_same(c, reference_top_k(distribution(logits), k),
                "best " + std::to_string(k) + ", case " + std::to_string(i));
  }
}
TEST(Samplers, TopP) {
  compare("top_p", 0.01, 1, [](Candidates& c, double x) { top_p(c, static_cast<float>(x)); }, reference_top_p);
}
TEST(Samplers, MinP) {
  compare("min_p", 0.001, 1, [](Candidates& c, double x) { min_p(c, static_cast<float>(x)); }, reference_min_p);
}
TEST(Samplers, Typical) {
  compare("typ_p", 0.01, 0.99, [](Candidates& c, double x) { typical(c, static_cast<float>(x)); }, reference_typical);
}
TEST(Samplers, TopNSigma) {
  compare(
      "top_n_sigma", 0.01, 4, [](Candidates& c, double x) { top_n_sigma(c, static_cast<float>(x)); },
      reference_top_n_sigma);
}
TEST(Samplers, Xtc) {
  compare("xtc", 0.001, 0.5, [](Candidates& c, double x) { xtc(c, static_cast<float>(x)); }, reference_xtc);
}
TEST(Samplers, Temperature) {
  compare(
      "temperature", 0.05, 5, [](Candidates& c, double x) { temperature(c, static_cast<float>(x)); },
      reference_temperature);
  Candidates c = candidates(std::vector<float>{1, 3, 3, 2});
  temperature(c, 0);
  ASSERT_EQ(c.size(), 1u);
  EXPECT_EQ(c[0].id, 1);
  c = candidates(std::vector<float>{1, 3, 2});
  temperature(c, 1e-38f);  // the others' logits become −∞; nothing becomes NaN
  EXPECT_EQ(c[draw(c, 0.999999)].id, 1);
}

TEST(Samplers, DynamicTemperatureFollowsTheEntropy) {
  for (int i = 0; i < 400; i++) {
    std::vector<float> logits = synthetic(i);
    Candidates c = candidates(logits);
    float t = static_cast<float>(real(0, 2)), range = static_cast<float>(real(0.01, 2)),
          exponent = static_cast<float>(real(0.2, 3));
    EXPECT_NEAR(dynamic_temperature(c, t, range, exponent),
                reference_dynamic_temperature(distribution(logits), t, range, exponent), 1e-5)
        << i;
  }
  Candidates flat = candidates(std::vector<float>(10, 1.5f));
  EXPECT_FLOAT_EQ(dynamic_temperature(flat, 1, 0.5f, 2), 1.5f);  // greatest entropy: the highest temperature
}

std::vector<int32_t> synthetic_text(int kinds, int max_id) {
  std::vector<int32_t> text(whole(0, max_id));
  for (int32_t& t : text) t = whole(0, kinds - 1);
  return text;
}

TEST(Samplers, Penalties) {
  Penalties penalties(1000);
  for (int i = 0; i < 400; i++) {
    std::vector<float> logits = synthetic(i);
    std::vector<int32_t> text = synthetic_text(static_cast<int>(logits.size()), 100);
    SamplingOptions o;
    o.repeat_penalty = static_cast<float>(real(0.5, 2)), o.presence_penalty = static_cast<float>(real(-2, 2)),
    o.frequency_penalty = static_cast<float>(real(-1, 1));
    o.repeat_last_n = whole(-1, 80);
    Candidates c = candidates(logits);
    c.sort(3);
    penalties.apply(c, text, o);
    expect_same(c,
                reference_penalties(distribution(logits), text, o.repeat_last_n, o.repeat_penalty, o.presence_penalty,
                                    o.frequency_penalty),
                "case " + std::to_string(i));
  }
}

// Token 0 is a breaker of its own; tokens 1 and 2 together spell another.
std::string piece(int32_t id) {
  return id == 0 ? "a\nb" : id == 1 ? "x<" : id == 2 ? ">y" : std::string(1, static_cast<char>('c' + id % 20));
}

/// Tokens at the end that stand behind the last breaker, from the text's bytes.
size_t behind_breaker(std::span<const int32_t> text, const std::vector<std::string>& breakers) {
  std::string bytes;
  std::vector<size_t> token_of;
  for (size_t i = 0; i < text.size(); i++)
    for (char c : piece(text[i])) bytes += c, token_of.push_back(i);
  size_t behind = text.size();
  for (const std::string& b : breakers)
    if (size_t at = bytes.rfind(b); at != std::string::npos)
      behind = std::min(behind, text.size() - 1 - token_of[at + b.size() - 1]);
  return behind;
}

TEST(Samplers, Dry) {
  int penalized = 0;
  for (int i = 0; i < 600; i++) {
    int kinds = whole(3, 8);
    std::vector<float> logits(kinds);
    for (float& x : logits) x = static_cast<float>(real(-3, 3));
    std::vector<int32_t> text = synthetic_text(kinds, 60);
    SamplingOptions o;
    o.dry_multiplier = static_cast<float>(real(0.1, 2)), o.dry_base = static_cast<float>(real(1, 2)),
    o.dry_allowed_length = whole(0, 4), o.dry_penalty_last_n = whole(-1, 40);
    o.dry_sequence_breakers = i % 3 ? std::vector<std::string>{"\n", "<>"} : std::vector<std::string>();
    Dry dry(kinds, piece, o);
    std::vector<int32_t> seen(last_of(text, o.dry_penalty_last_n).begin(), last_of(text, o.dry_penalty_last_n).end());
    size_t behind = behind_breaker(seen, o.dry_sequence_breakers);
    ASSERT_EQ(dry.since_breaker(seen), behind) << i;
    Candidates c = candidates(logits);
    dry.apply(c, text, o);
    Distribution expected = reference_dry(distribution(logits), text, behind, o.dry_penalty_last_n, o.dry_multiplier,
                                          o.dry_base, o.dry_allowed_length);
    penalized += expected[0].p != distribution(logits)[0].p;
    expect_same(c, expected, "case " + std::to_string(i));
  }
  EXPECT_GT(penalized, 100);
}

TEST(Samplers, DryForgetsTheLastCall) {
  SamplingOptions o;
  o.dry_multiplier = 1;
  Dry dry(8, piece, o);
  Candidates first = candidates(std::vector<float>(8, 1)), second = candidates(std::vector<float>(8, 1));
  dry.apply(first, std::vector<int32_t>{3, 4, 5, 3, 4}, o);
  EXPECT_EQ(first[5].logit, 0);
  dry.apply(second, std::vector<int32_t>{3, 4, 6, 3, 4}, o);
  EXPECT_EQ(second[5].logit, 1);
  EXPECT_EQ(second[6].logit, 0);
}

TEST(Samplers, DryIsLinear) {
  SamplingOptions o;
  o.dry_multiplier = 1, o.dry_sequence_breakers = {};
  std::vector<int32_t> text(1 << 20, 3);  // every place matches every other: by pairs this is 10^12 steps
  Dry dry(8, piece, o);
  Candidates c = candidates(std::vector<float>(8, 1));
  dry.apply(c, text, o);
  EXPECT_EQ(c.best().id, 0);
  EXPECT_LT(std::ranges::min(c.all(), {}, &Candidate::logit).logit, -1e29f);
}

TEST(Samplers, Mirostat2) {
  // The reference: a distribution cut at the limit, one draw of it, and the limit's step.
  for (int i = 0; i < 200; i++) {
    std::vector<float> logits = synthetic(i);
    double target = static_cast<float>(real(0.5, 8)), rate = static_cast<float>(real(0.01, 0.5)), limit = 2 * target;
    Mirostat mirostat(static_cast<float>(target), static_cast<float>(rate));
    for (int step = 0; step < 20; step++) {
      double chance = uniform(i, step);
      Distribution d = distribution(logits);
      d = those(d, [&, best = d[0].id](const Token& t) { return t.id == best || -std::log2(t.p) <= limit; });
      size_t at = 0;
      for (double left = chance - d[0].p; left >= 0 && at + 1 < d.size();) left -= d[++at].p;
      Candidates c = candidates(logits);
      ASSERT_EQ(mirostat.choose(c, chance), d[at].id) << i << " " << step;
      limit -= rate * (-std::log2(d[at].p) - target);
    }
  }
}

TEST(Samplers, MirostatHoldsItsTarget) {
  std::vector<float> logits;
  for (int i = 1; i <= 1000; i++)
    logits.push_back(static_cast<float>(-1.1 * std::log(i)));  // as words are distributed (Zipf)
  Mirostat mirostat(4, 0.1f);
  Distribution d = distribution(logits);
  double surprise = 0;
  for (int step = 0; step < 4000; step++) {
    Candidates c = candidates(logits);
    int32_t id = mirostat.choose(c, uniform(3, step));
    double total;
    for (double w : c.weights(total)) (void)w;
    double p = 0;
    for (size_t i = 0; i < c.size(); i++)
      if (c[i].id == id) p = c.weights(total)[i] / total;
    surprise += -std::log2(p);
  }
  EXPECT_NEAR(surprise / 4000, 4, 0.1);
}

TEST(Samplers, UniformNumbersAreUniform) {
  std::vector<int> bins(20);
  for (int seed = 0; seed < 100; seed++)
    for (int n = 0; n < 1000; n++) bins[static_cast<int>(uniform(seed, n) * 20)]++;
  double chi = 0;
  for (int count : bins) chi += std::pow(count - 5000, 2) / 5000.0;
  EXPECT_LT(chi, 43.8);  // 19 degrees of freedom, p = 0.001
}

}  // namespace
}  // namespace ingot::sampling
