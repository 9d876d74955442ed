// Rope frequencies against numbers worked out here in long double, and against values of the papers' reference code.
#include <cmath>

#include "small_model.h"

namespace ingot {
namespace {

using tests::rope;
using tests::SmallModel;

constexpr int pairs = SmallModel::head_size / 2;

long double plain(long double base, int i, int dims = SmallModel::head_size) {
  return std::exp(-2.0L * i / dims * std::log(base));
}

TEST(Rope, PlainFrequencies) {
  SmallModel m("llama");
  m.set("rope.freq_base", 500000.0f);
  foundry::Rope r = rope(m.resolve());
  ASSERT_EQ(r.frequencies.size(), static_cast<size_t>(pairs));
  for (int i = 0; i < pairs; i++) EXPECT_NEAR(r.frequencies[i], plain(500000, i), 1e-15) << i;
}

TEST(Rope, PartOfAHead) {
  SmallModel m("llama");
  m.set("rope.dimension_count", 8u);
  foundry::Rope r = rope(m.resolve());
  EXPECT_EQ(r.dims, 8);
  ASSERT_EQ(r.frequencies.size(), 4u);
  EXPECT_NEAR(r.frequencies[3], plain(10000, 3, 8), 1e-15);
}

TEST(Rope, Linear) {
  for (int how = 0; how < 3; how++) {
    SmallModel m("llama");
    if (how == 0) m.set("rope.scaling.type", "linear");
    m.set(how == 2 ? "rope.scale_linear" : "rope.scaling.factor", 4.0f);
    foundry::Rope r = rope(m.resolve());
    for (int i = 0; i < pairs; i++) EXPECT_NEAR(r.frequencies[i], plain(10000, i) / 4, 1e-15) << how << " " << i;
    EXPECT_EQ(r.magnitude, 1);
  }
}

TEST(Rope, NewKeyOfTheFactorWinsOverTheOldOne) {
  SmallModel m("llama");
  m.set("rope.scaling.factor", 4.0f);
  m.set("rope.scale_linear", 2.0f);
  EXPECT_NEAR(rope(m.resolve()).frequencies[0], 0.25, 1e-15);
}

TEST(Rope, KindNoneIgnoresTheFactor) {
  SmallModel m("llama");
  m.set("rope.scaling.type", "none");
  m.set("rope.scaling.factor", 4.0f);
  foundry::Rope r = rope(m.resolve());
  for (int i = 0; i < pairs; i++) EXPECT_NEAR(r.frequencies[i], plain(10000, i), 1e-15) << i;
  EXPECT_EQ(r.magnitude, 1);
}

TEST(Rope, FactorsPerPairDivide) {  // as Llama 3.1 files carry them
  SmallModel m("llama");
  std::vector<float> factors = {1, 1, 1, 1.5f, 2.75f, 8, 8, 8};
  m.add("rope_freqs.weight", {pairs}, factors);
  foundry::Rope r = rope(m.resolve());
  for (int i = 0; i < pairs; i++) EXPECT_NEAR(r.frequencies[i], plain(10000, i) / factors[i], 1e-15) << i;
  factors[2] = 0;
  m.add("rope_freqs.weight", {pairs}, factors);
  tests::expect_refused(m, {"rope_freqs.weight", "above 0"});
  m.add("rope_freqs.weight", {pairs + 1});
  tests::expect_refused(m, {"rope_freqs.weight is 9", "expected 8"});
}

/// YaRN after the paper: pair i turns r = context · frequency / 2π times; the bounds of the ramp are the pairs where r
/// is beta_fast and beta_slow, found here by walking, rounded outwards to whole pairs.
long double yarn(long double base, long double context, long double factor, long double fast, long double slow, int i) {
  auto turns = [&](long double pair) {
    return context * std::exp(-2 * pair / SmallModel::head_size * std::log(base)) / (2 * std::acos(-1.0L));
  };
  auto pair_with = [&](long double wanted) {  // bisection: turns fall with the pair
    long double low = -1000, high = 1000;
    for (int step = 0; step < 200; step++) (turns((low + high) / 2) > wanted ? low : high) = (low + high) / 2;
    return low;
  };
  long double from = std::max(0.0L, std::floor(pair_with(fast))),
              to = std::min(SmallModel::head_size - 1.0L, std::ceil(pair_with(slow)));
  long double stretched = i <= from ? 0 : i >= to ? 1 : (i - from) / (to - from);
  return plain(base, i) * ((1 - stretched) + stretched / factor);
}

SmallModel yarn_model(float factor, uint32_t original) {
  SmallModel m("qwen2");
  m.add_biases(2);
  m.set("rope.scaling.type", "yarn");
  m.set("rope.scaling.factor", factor);
  if (original) m.set("rope.scaling.original_context_length", original);
  return m;
}

TEST(Rope, Yarn) {
  foundry::Rope r = rope(yarn_model(4, 512).resolve());
  int ramped = 0;
  for (int i = 0; i < pairs; i++) {
    EXPECT_NEAR(r.frequencies[i], yarn(10000, 512, 4, 32, 1, i), 1e-15) << i;
    double ratio = r.frequencies[i] / plain(10000, i);
    ramped += ratio < 0.999 && ratio > 0.2501;
  }
  EXPECT_GT(ramped, 0);  // the case has pairs on the ramp
  EXPECT_FLOAT_EQ(r.magnitude, 1 + 0.1 * std::log(4.0));
}

TEST(Rope, YarnTakesTheContextWhenTheOriginalOneIsNotStated) {
  foundry::Rope r = rope(yarn_model(4, 0).resolve());
  for (int i = 0; i < pairs; i++) EXPECT_NEAR(r.frequencies[i], yarn(10000, 2048, 4, 32, 1, i), 1e-15) << i;
}

TEST(Rope, YarnWithStatedBetasAndMagnitude) {
  SmallModel m = yarn_model(16, 4096);
  m.set("rope.scaling.yarn_beta_fast", 64.0f);
  m.set("rope.scaling.yarn_beta_slow", 2.0f);
  m.set("rope.scaling.attn_factor", 0.5f);
  foundry::Rope r = rope(m.resolve());
  for (int i = 0; i < pairs; i++) EXPECT_NEAR(r.frequencies[i], yarn(10000, 4096, 16, 64, 2, i), 1e-15) << i;
  EXPECT_FLOAT_EQ(r.magnitude, 0.5 * (1 + 0.1 * std::log(16.0)));
}

// attention_factor of a configuration: in place of what the formula makes of the factor (transformers,
// modeling_rope_utils).
TEST(Rope, YarnWithItsOwnMagnitude) {
  SmallModel m = yarn_model(16, 4096);
  m.set("rope.scaling.yarn_attn_factor", 0.75f);
  foundry::Rope r = rope(m.resolve());
  EXPECT_FLOAT_EQ(r.magnitude, 0.75f);
  for (int i = 0; i < pairs; i++) EXPECT_NEAR(r.frequencies[i], yarn(10000, 4096, 16, 32, 1, i), 1e-15) << i;
  m.set("rope.scaling.yarn_attn_factor", 0.0f);  // "not stated"
  EXPECT_FLOAT_EQ(rope(m.resolve()).magnitude, 1 + 0.1 * std::log(16.0));
  m.set("rope.scaling.type", "linear");  // has none
  m.set("rope.scaling.yarn_attn_factor", 0.75f);
  EXPECT_EQ(rope(m.resolve()).magnitude, 1);
}

TEST(Rope, AFactorOfZeroIsNotStated) {
  SmallModel m("llama");
  m.set("rope.scaling.factor", 0.0f);
  EXPECT_EQ(rope(m.resolve()).frequencies[0], 1);
}

// The words of another converter for the same numbers.
TEST(Rope, OtherNamesOfKeysOfGemma3) {
  SmallModel m("gemma3", 6, 32);
  m.add_gemma3(6, 32);
  m.set("rope.global.freq_base", 500000.0f);
  m.set("rope.local.freq_base", 20000.0f);
  m.set("rope.scaling.type", "yarn");
  m.set("rope.scaling.factor", 8.0f);
  m.set("rope.scaling.original_context_length", 1024u);
  m.set("rope.scaling.extrapolation_factor", 1.0f);
  m.set("rope.scaling.beta_fast", 64.0f);
  m.set("rope.scaling.beta_slow", 2.0f);
  foundry::Blueprint other = m.resolve();
  EXPECT_DOUBLE_EQ(rope(other, 0).frequencies[8], std::pow(2e4, -0.5));
  for (const char* key : {"rope.global.freq_base", "rope.scaling.extrapolation_factor", "rope.scaling.beta_fast",
                          "rope.scaling.beta_slow"})
    m.unset(key);
  m.set("rope.freq_base", 500000.0f);
  m.set("rope.scaling.yarn_ext_factor", 1.0f);
  m.set("rope.scaling.yarn_beta_fast", 64.0f);
  m.set("rope.scaling.yarn_beta_slow", 2.0f);
  EXPECT_EQ(rope(m.resolve(), 5).frequencies, rope(other, 5).frequencies);
}

TEST(Rope, YarnOfASmallContextStretchesEveryPair) {  // low = high = 0: the ramp is a step
  foundry::Rope r = rope(yarn_model(4, 5).resolve());
  EXPECT_NEAR(r.frequencies[0], 1, 1e-15);
  for (int i = 1; i < pairs; i++) EXPECT_NEAR(r.frequencies[i], plain(10000, i) / 4, 1e-15) << i;
}

TEST(Rope, YarnWithoutExtrapolationIsLinear) {
  SmallModel m = yarn_model(4, 512);
  m.set("rope.scaling.yarn_ext_factor", 0.0f);
  foundry::Rope r = rope(m.resolve());
  for (int i = 0; i < pairs; i++) EXPECT_NEAR(r.frequencies[i], plain(10000, i) / 4, 1e-15) << i;
  EXPECT_EQ(r.magnitude, 1);
  m.set("rope.scaling.yarn_ext_factor", -1.0f);  // "not stated"
  EXPECT_NEAR(rope(m.resolve()).frequencies[0], 1, 1e-15);
}

TEST(Rope, YarnAndFactorsPerPair) {
  SmallModel m("llama");
  m.set("rope.scaling.type", "yarn");
  m.set("rope.scaling.factor", 4.0f);
  m.set("rope.scaling.original_context_length", 512u);
  m.add("rope_freqs.weight", {pairs}, std::vector<float>(pairs, 2.0f));
  foundry::Rope r = rope(m.resolve());
  for (int i = 0; i < pairs; i++) EXPECT_NEAR(r.frequencies[i], yarn(10000, 512, 4, 32, 1, i) / 2, 1e-15) << i;
}

TEST(Rope, ImpossibleNumbersAreRefused) {
  auto refused = [](const char* key, tests::Metadata value, const char* text) {
    SmallModel m("llama");
    m.set("rope.scaling.type", "yarn");
    m.set(key, std::move(value));
    tests::expect_refused(m, {std::string("llama.") + key, text});
  };
  refused("rope.freq_base", 0.0f, "got 0");
  refused("rope.freq_base", -1.0f, "0.001 to 1e+15");
  refused("rope.freq_base", 1e30f, "got 1e+30");
  refused("rope.scaling.factor", -2.0f, "1e-06 to 1e+06");
  refused("rope.scaling.factor", 1e30f, "1e-06 to 1e+06");
  refused("rope.scaling.attn_factor", 1e300, "got 1e+300");  // infinite as a float
  refused("rope.scaling.attn_factor", 1e-300, "got 1e-300");
  refused("rope.scaling.yarn_attn_factor", 1e39, "got 1e+39");
  refused("rope.scaling.yarn_attn_factor", -1.0f, "got -1");
  refused("rope.scaling.yarn_ext_factor", 2.0f, "-1 to 1");
  refused("rope.scaling.yarn_beta_fast", 0.0f, "1e-06 to 1e+06");
  refused("rope.scaling.yarn_log_multiplier", 0.1f, "none or 0");
  refused("rope.scaling.original_context_length", 0u, "expected 1 to");
  refused("rope.scaling.type", "longrope", "none, linear or yarn");
  refused("rope.dimension_count", 6u + 1, "even");
  refused("rope.dimension_count", 18u, "at most the head size 16");
  refused("rope.dimension_count", 0u, "2 to 1024");
}

TEST(Rope, YarnNeedsABaseAboveOne) {
  SmallModel m = yarn_model(4, 512);
  m.set("rope.freq_base", 1.0f);
  tests::expect_refused(m, {"a base above 1"});
}

}  // namespace
}  // namespace ingot
