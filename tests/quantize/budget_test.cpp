// Budgets: the convex hull, spending compared with every way to spend, and models whose formats a budget chooses.
#include "quantize/budget.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <random>
#include <set>

#include "container/gguf.h"
#include "foundry/geometry.h"
#include "ingot/quantize.h"
#include "support/gguf_builder.h"

namespace ingot {
namespace {

using quantize::Choice;

std::vector<Choice> random_choices(std::mt19937& random, int n) {
  std::vector<Choice> list;
  for (int i = 0; i < n; i++) list.push_back({nullptr, 10 + random() % 90, 0, double(random() % 1000) / 1000});
  return list;
}

TEST(Budget, TheHullIsConvex) {
  std::mt19937 random(1);
  for (int round = 0; round < 100; round++) {
    const std::vector<Choice> all = random_choices(random, 12), hull = quantize::hull_of(all);
    ASSERT_FALSE(hull.empty());
    for (size_t i = 1; i < hull.size(); i++) {
      EXPECT_GT(hull[i].bytes, hull[i - 1].bytes);
      EXPECT_LT(hull[i].cost, hull[i - 1].cost);
    }
    for (const Choice& c : all)  // every choice is on it or above it
      for (size_t i = 1; i < hull.size(); i++) {
        if (c.bytes < hull[i - 1].bytes || c.bytes > hull[i].bytes) continue;
        const double share = double(c.bytes - hull[i - 1].bytes) / double(hull[i].bytes - hull[i - 1].bytes);
        EXPECT_GE(c.cost, hull[i - 1].cost + share * (hull[i].cost - hull[i - 1].cost) - 1e-12);
      }
  }
}

TEST(Budget, TheSampleIsNotInStepWithHeads) {
  container::Tensor t;
  for (uint64_t rows : {1u, 31u, 33u, 64u * 128u, 9999u}) {
    t.shape = {4096, rows}, t.elements = 4096 * rows;
    const std::vector<uint64_t> sample = quantize::sample_of(t);
    const uint64_t n = sample.size();
    EXPECT_EQ(n, std::min<uint64_t>(rows, 32));
    std::set<uint64_t> of_head;  // rows of a head of 64
    for (uint64_t i = 0; i < n; i++) {
      EXPECT_GE(sample[i], i * rows / n);
      EXPECT_LT(sample[i], (i + 1) * rows / n);
      of_head.insert(sample[i] % 64);
    }
    if (rows > 64) { EXPECT_GT(of_head.size(), 15u) << rows; }
  }
}

double cost_of(std::span<const std::vector<Choice>> hulls, const quantize::Spending& s) {
  double sum = 0;
  for (size_t t = 0; t < hulls.size(); t++) sum += hulls[t][s.chosen[t]].cost;
  return sum;
}

TEST(Budget, IsSpentWithinAStepOfTheBest) {
  std::mt19937 random(2);
  for (int round = 0; round < 100; round++) {
    std::vector<std::vector<Choice>> hulls;
    uint64_t least = 0, most = 0;
    for (int t = 0; t < 4; t++) {
      hulls.push_back(quantize::hull_of(random_choices(random, 5)));
      least += hulls.back().front().bytes, most += hulls.back().back().bytes;
    }
    const uint64_t budget = least + random() % (most - least + 1);
    const quantize::Spending s = quantize::spend(hulls, budget);
    EXPECT_LE(s.bytes, budget);
    double best = INFINITY, largest_step = 0;
    std::vector<size_t> at(4);
    for (size_t i = 0; i < hulls[0].size() * hulls[1].size() * hulls[2].size() * hulls[3].size(); i++) {
      uint64_t bytes = 0;
      double error = 0;
      size_t rest = i;
      for (const auto& hull : hulls) {
        bytes += hull[rest % hull.size()].bytes, error += hull[rest % hull.size()].cost;
        rest /= hull.size();
      }
      if (bytes <= budget) best = std::min(best, error);
    }
    for (const auto& hull : hulls)
      for (size_t i = 1; i < hull.size(); i++) largest_step = std::max(largest_step, hull[i - 1].cost - hull[i].cost);
    EXPECT_LE(cost_of(hulls, s), best + largest_step);
  }
  const std::vector<std::vector<Choice>> one = {{{nullptr, 10, 0, 1}, {nullptr, 20, 0, 0.5}}};
  EXPECT_EQ(quantize::spend(one, 9).bytes, 10u) << "more than there is";
  EXPECT_EQ(quantize::spend(one, 19).chosen[0], 0u);
  EXPECT_EQ(quantize::spend(one, 19).left_out, 0.05);
  EXPECT_EQ(quantize::spend(one, 20).left_out, 0);
  EXPECT_EQ(quantize::spend(one, 20).chosen[0], 1u);
}

class BudgetModel : public testing::Test {
 protected:
  std::string path_ = testing::TempDir() + "budget" + std::to_string(getpid()) + ".gguf", out_ = path_ + ".out";
  void SetUp() override {
    std::mt19937 random(3);
    std::normal_distribution<float> draw;
    test::GgufBuilder file;
    file.kv("general.architecture", "llama").kv("llama.block_count", uint32_t{2}).kv("general.file_type", uint32_t{0});
    auto matrix = [&](const char* name, uint64_t cols, uint64_t rows) {
      std::vector<float> x(cols * rows);
      for (float& v : x) v = draw(random);
      file.tensor(name, {cols, rows}, 0, test::bytes_of(x));
    };
    matrix("token_embd.weight", 512, 20);
    file.tensor("blk.0.attn_norm.weight", {512}, 0, test::bytes_of(std::vector<float>(512, 1)));
    matrix("blk.0.ffn_up.weight", 512, 60), matrix("blk.0.attn_v.weight", 512, 4),
        matrix("blk.1.ffn_up.weight", 96, 20);
    file.write(path_);
  }
  void TearDown() override { unlink(path_.c_str()), unlink(out_.c_str()); }
  static QuantizeOptions bits(double budget, int threads = 1) {
    QuantizeOptions o;
    o.budget = budget, o.threads = threads;
    o.formats = {"q2_k", "q3_k", "q4_0", "q4_k", "q5_0", "q5_k", "q6_k", "q8_0", "f16"};
    return o;
  }
};

TEST_F(BudgetModel, ChoosesWithinTheBudget) {
  for (double budget : {2.9, 3.3, 4.5, 6.7, 8.5}) {
    QuantizeOptions o = bits(budget);
    if (budget == 4.5) o.formats.clear();
    const Quantization q = plan_quantization(path_, o);
    ASSERT_TRUE(q.budget);
    EXPECT_LE(q.budget->spent, budget);
    double bytes = 0, weights = 0;
    for (const QuantizedTensor& t : q.tensors) {
      if (t.shape.size() < 2) continue;
      ASSERT_LT(t.chosen, t.trials.size());
      EXPECT_EQ(t.trials[t.chosen].format, t.to);
      bytes += double(t.to_bytes), weights += double(t.shape[0] * t.shape[1]);
    }
    EXPECT_NEAR(q.budget->spent, 8 * bytes / weights, 1e-9);
    EXPECT_EQ(q.tensors[1].to, "f32") << "a norm";
  }
  // A step of the small matrix costs least: it has more bits than the large one.
  const Quantization q = plan_quantization(path_, bits(4.5));
  EXPECT_GT(q.tensors[3].trials[q.tensors[3].chosen].bits, q.tensors[2].trials[q.tensors[2].chosen].bits);
}

TEST_F(BudgetModel, ProgressEndsAtOne) {
  for (bool writes : {false, true}) {
    double last = 0;
    QuantizeOptions o = bits(4.5);
    o.progress = [&](double done) { last = done; };
    writes ? write_quantized(path_, out_, o) : plan_quantization(path_, o);
    EXPECT_EQ(last, 1);
  }
}

TEST_F(BudgetModel, ThreadsDoNotChangeTheChoice) {
  const Quantization one = write_quantized(path_, out_, bits(3.5));
  for (int threads : {2, 5}) {
    const Quantization more = plan_quantization(path_, bits(3.5, threads));
    for (size_t i = 0; i < one.tensors.size(); i++) {
      EXPECT_EQ(more.tensors[i].to, one.tensors[i].to);
      for (size_t k = 0; k < one.tensors[i].trials.size(); k++)
        EXPECT_EQ(more.tensors[i].trials[k].error, one.tensors[i].trials[k].error);
    }
  }
  const container::Gguf file = container::Gguf::open(out_, foundry::geometry_of);
  EXPECT_EQ(file.bytes(), one.to_bytes);
  EXPECT_FALSE(file.find("general.file_type"));
  for (size_t i = 0; i < one.tensors.size(); i++)
    EXPECT_EQ(foundry::geometry_of(file.tensors()[i].type)->name, one.tensors[i].to);
}

TEST_F(BudgetModel, KeepsToTheFormatsAndRulesGiven) {
  QuantizeOptions o = bits(8);
  o.formats = {"q4_0", "q8_0"};
  o.recipe = "token_embd = f16";
  const Quantization q = plan_quantization(path_, o);
  EXPECT_EQ(q.tensors[0].to, "f16");
  EXPECT_TRUE(q.tensors[0].trials.empty());
  EXPECT_LE(q.budget->spent, 8) << "what a rule has given counts";
  for (int i : {2, 3, 4}) EXPECT_TRUE(q.tensors[i].to == "q4_0" || q.tensors[i].to == "q8_0");
  o.budget = 4;
  try {
    plan_quantization(path_, o);
    FAIL();
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("less than the smallest formats take"), std::string::npos) << e.what();
  }
  o = bits(8), o.to = "q4_0";
  EXPECT_THROW(plan_quantization(path_, o), Error) << "a format and a budget";
  o = bits(8), o.pure = true;
  EXPECT_THROW(plan_quantization(path_, o), Error);
  o = bits(0), o.to = "q4_0";
  EXPECT_THROW(plan_quantization(path_, o), Error) << "formats without a budget";
  o = bits(8), o.formats = {"q4_9"};
  EXPECT_THROW(plan_quantization(path_, o), Error);
  o.formats = {"q4_k"};
  EXPECT_THROW(plan_quantization(path_, o), Error) << "no row of 96 fits";
}

TEST_F(BudgetModel, CountsWhatARuleLeavesAsItIs) {
  QuantizeOptions half;
  half.to = "f16", half.pure = true;
  write_quantized(path_, out_, half);
  QuantizeOptions o = bits(8);
  o.recipe = "token_embd = f16";
  const Quantization q = plan_quantization(out_, o);
  double bytes = 0, weights = 0;
  for (const QuantizedTensor& t : q.tensors) {
    EXPECT_EQ(t.is_given, t.shape.size() > 1) << t.name;
    if (t.is_given) bytes += double(t.to_bytes), weights += double(t.shape[0] * t.shape[1]);
  }
  EXPECT_EQ(q.tensors[0].to, q.tensors[0].from);
  EXPECT_NEAR(q.budget->spent, 8 * bytes / weights, 1e-9);
  EXPECT_LE(8 * bytes / weights, 8);
}

TEST_F(BudgetModel, WhatIsQuantizedAlreadyMayStay) {
  QuantizeOptions o;
  o.to = "q4_0";
  write_quantized(path_, out_, o);
  EXPECT_THROW(plan_quantization(out_, bits(5)), Error);
  o = bits(5), o.allow_requantize = true;
  const Quantization q = plan_quantization(out_, o);
  for (int i : {0, 2, 3, 4}) {
    EXPECT_EQ(q.tensors[i].to, q.tensors[i].from);
    EXPECT_EQ(q.tensors[i].trials[q.tensors[i].chosen].error, 0);
  }
}

}  // namespace
}  // namespace ingot
