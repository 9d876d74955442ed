// Encoding, derived from the accessors of every format: weights of the format come back bit for bit, other weights as
// near as they ever did, importance goes where it is asked for, and every instruction set writes the same bytes.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <random>

#include "backends/cpu/kernels.h"
#include "kernels/random_blocks.h"
#include "quant/encoding.h"
#include "support/normal.h"

namespace ingot::cpu {
namespace {

using test::normal;

using Bytes = std::vector<uint8_t>;

Bytes encoded(const Isa& isa, const quant::Format& f, const std::vector<float>& x,
              const std::vector<float>& importance = {}) {
  const i64 blocks = static_cast<i64>(x.size()) / f.block;
  Bytes to(static_cast<size_t>(blocks * f.block_bytes) + 16, 0xaa);
  isa.ops->encode(
      {&quant::Encoding::of(f).form(), x.data(), importance.empty() ? nullptr : importance.data(), blocks, to.data()});
  for (size_t i = to.size() - 16; i < to.size(); i++) EXPECT_EQ(to[i], 0xaa) << f.name << " writes behind its blocks";
  to.resize(to.size() - 16);
  return to;
}
std::vector<float> decoded(const quant::Format& f, const Bytes& blocks) {
  std::vector<float> x(blocks.size() / static_cast<size_t>(f.block_bytes) * static_cast<size_t>(f.block));
  f.decode(reinterpret_cast<const std::byte*>(blocks.data()), x.data(), static_cast<int64_t>(x.size()));
  return x;
}
double error_of(const std::vector<float>& x, const std::vector<float>& y, const std::vector<float>& w = {}) {
  double error = 0, size = 0;
  for (size_t i = 0; i < x.size(); i++) {
    const double d = double(x[i]) - y[i], wi = w.empty() ? 1 : w[i];
    error += wi * d * d, size += wi * x[i] * x[i];
  }
  return std::sqrt(error / size);
}

class Encode : public testing::TestWithParam<quant::Format> {
 protected:
  const quant::Format& f = GetParam();
  void SetUp() override {
    for (const Isa* const* i = isas().begin; i < isas().begin + isas().count; i++)
      if ((*i)->supported()) runnable_.push_back(*i);
    ASSERT_FALSE(runnable_.empty());
  }
  const Isa& best() const { return *runnable_.front(); }
  std::vector<const Isa*> runnable_;
};
INSTANTIATE_TEST_SUITE_P(formats, Encode, testing::ValuesIn(quant::formats().begin(), quant::formats().end()),
                         [](const auto& info) { return std::string(info.param.name); });

// Blocks of random bytes, but for those whose numbers floats hardly hold: so small that their squares are none, or a
// minimum and a scale of which one leaves few bits for the other.
std::vector<float> weights_of(const quant::Format& f, int blocks) {
  const quant::Accessors& a = f.accessors;
  std::vector<float> all;
  for (uint32_t seed = 1; all.size() < static_cast<size_t>(blocks * f.block); seed++) {
    const Bytes block = random_rows(f, 1, f.block, seed);
    const std::vector<float> x = decoded(f, block);
    bool held = true;
    for (float v : x) held = held && (v == 0 || std::fabs(v) > 1e-12f || f.kind == quant::ValueKind::floating);
    if (f.has_min) {
      const auto* bytes = reinterpret_cast<const std::byte*>(block.data());
      const float ratio = std::fabs(a.scale_number.value(a.scale(bytes, 0)) / a.min_number.value(a.min(bytes, 0)));
      held = held && ratio > 1.0f / 32 && ratio < 32;
    }
    if (held) all.insert(all.end(), x.begin(), x.end());
  }
  return all;
}

TEST_P(Encode, KeepsWeightsOfTheFormat) {
  const std::vector<float> x = weights_of(f, 64), importance = normal(x.size(), 3);
  std::vector<float> w(x.size());
  for (size_t i = 0; i < w.size(); i++) w[i] = importance[i] * importance[i];
  for (const auto& weights : {std::vector<float>{}, w}) {
    const std::vector<float> y = decoded(f, encoded(best(), f, x, weights));
    int wrong = 0;
    for (size_t i = 0; i < x.size(); i += static_cast<size_t>(f.block))
      wrong += !std::equal(x.begin() + i, x.begin() + i + f.block, y.begin() + i);
    EXPECT_EQ(wrong, 0) << "blocks of 64";
  }
}

TEST_P(Encode, KeepsWhatItEncoded) {
  const std::vector<float> x = decoded(f, encoded(best(), f, normal(static_cast<size_t>(64 * f.block), 5, 0.02f)));
  EXPECT_EQ(decoded(f, encoded(best(), f, x)), x);
}

// Relative RMS errors of 16384 normal weights, measured on 2026-11-30. A change that makes one larger is no
// improvement.
TEST_P(Encode, IsAsNearAsEver) {
  static const std::map<std::string, double> errors = {
      {"bf16", 0.0016477}, {"f16", 0.00020777},  {"iq1_m", 0.41437},  {"iq1_s", 0.44666},   {"iq2_s", 0.23889},
      {"iq2_xs", 0.28573}, {"iq2_xxs", 0.32974}, {"iq3_s", 0.12875},  {"iq3_xxs", 0.17806}, {"iq4_nl", 0.072971},
      {"iq4_xs", 0.07337}, {"mxfp4", 0.113},     {"nvfp4", 0.084085}, {"q1_0", 0.60029},    {"q2_0", 0.35803},
      {"q2_k", 0.25877},   {"q3_k", 0.14282},    {"q4_0", 0.080918},  {"q4_1", 0.068889},   {"q4_k", 0.06951},
      {"q5_0", 0.040004},  {"q5_1", 0.032993},   {"q5_k", 0.034008},  {"q6_k", 0.016774},   {"q8_0", 0.0049528},
      {"tq1_0", 0.43625},  {"tq2_0", 0.37761}};
  const std::vector<float> x = normal(16384, 11, 0.05f);
  const double error = error_of(x, decoded(f, encoded(best(), f, x)));
  const auto known = errors.find(f.name);
  if (known == errors.end()) {
    EXPECT_LT(error, 1) << f.name << " is not compared with anything";
    return;
  }
  EXPECT_LE(error, known->second * 1.001);
  EXPECT_GE(error, known->second * 0.98) << "better: write it down";
}

TEST_P(Encode, ServesImportance) {
  if (f.kind == quant::ValueKind::floating) return;
  const std::vector<float> x = normal(8192, 13);
  std::vector<float> w = normal(x.size(), 17);
  for (float& v : w) v = std::exp(2 * v);
  const double asked = error_of(x, decoded(f, encoded(best(), f, x, w)), w),
               unasked = error_of(x, decoded(f, encoded(best(), f, x)), w);
  EXPECT_LE(asked, unasked * (f.code_bits == 1 ? 1.0001 : 0.99));
  EXPECT_EQ(encoded(best(), f, x, std::vector<float>(x.size(), 0.0f)), encoded(best(), f, x)) << "nothing important";
  EXPECT_LE(error_of(x, decoded(f, encoded(best(), f, x, std::vector<float>(x.size(), 3.0f)))),
            error_of(x, decoded(f, encoded(best(), f, x))) * 1.002);
}

TEST_P(Encode, IsTheSameOnEveryInstructionSet) {
  std::vector<float> x = normal(8192, 19, 0.1f), w = normal(8192, 23);
  for (float& v : w) v = v * v;
  for (const Isa* other : runnable_) {
    EXPECT_EQ(encoded(*other, f, x), encoded(best(), f, x)) << other->name;
    EXPECT_EQ(encoded(*other, f, x, w), encoded(best(), f, x, w)) << other->name;
  }
}

TEST_P(Encode, TakesWhateverIsFinite) {
  const size_t n = static_cast<size_t>(f.block);
  std::vector<std::vector<float>> blocks(8, std::vector<float>(n));
  blocks[1].assign(n, 2.5f), blocks[2].assign(n, -1e-30f), blocks[3].assign(n, 3e38f);
  blocks[4][n / 2] = 7;  // one alone
  blocks[5] = normal(n, 1, 1e-42f), blocks[6] = normal(n, 1, 1e30f);
  for (size_t i = 0; i < n; i++) blocks[7][i] = i % 2 ? 1e20f : -1e-20f;
  for (const auto& x : blocks)
    for (float v : decoded(f, encoded(best(), f, x))) ASSERT_FALSE(std::isnan(v)) << f.name << " of " << x[0];
  for (float v : decoded(f, encoded(best(), f, blocks[0]))) EXPECT_EQ(v, 0.0f);
}

}  // namespace
}  // namespace ingot::cpu
