// Composed sources: what is in them, and what never gets into them.
#include "backends/gpu/compose.h"

#include <gtest/gtest.h>

#include <regex>

#include "backends/gpu/calls.h"
#include "ingot/error.h"
#include "plans.h"

namespace ingot::gpu {
namespace {

const quant::Format* format(const char* name) { return quant::find_format(name); }

size_t count(const std::string& text, const std::string& what) {
  size_t n = 0;
  for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) n++;
  return n;
}

TEST(Compose, NamesAnEntryByItsKernelArgumentsAndFormats) {
  Entry entry{"gemv_one", {"32", "normed", "gate_out<silu_of>"}, {format("q4_0"), format("q6_k")}};
  EXPECT_EQ(entry.type(), "gemv_one<32, normed, gate_out<silu_of>, q4_0, q6_k>");
  EXPECT_EQ(entry.name(), "gemv_one_32_normed_gate_out_silu_of_q4_0_q6_k");
  EXPECT_EQ((Entry{"prepare", {}, {}}.type()), "prepare");
}

TEST(Compose, HoldsEveryFileOnceAndNoInclude) {
  for (const char* dialect : {"cuda", "metal"}) {
    std::vector<Entry> entries = {
        {"gemv_one", {"32", "normed", "store_out"}, {format("iq2_xs"), format("iq2_s"), format("iq2_xs")}},
        {"embed", {}, {format("iq2_xs")}}};
    Source source = compose(dialect, entries);
    EXPECT_EQ(source.text.find("#include \""), std::string::npos);
    EXPECT_EQ(source.text.find("#pragma once"), std::string::npos);
    for (const char* once : {"struct iq2_xs :", "struct iq2_s :", "with_signs(u64", "struct view {", "struct gemv {"})
      EXPECT_LE(count(source.text, once), 1u) << once;
    EXPECT_EQ(count(source.text, "struct iq2_xs :"), 1u);
    EXPECT_EQ(source.entries,
              (std::vector<std::string>{"gemv_one_32_normed_store_out_iq2_xs_iq2_s_iq2_xs", "embed_iq2_xs"}));
    for (const std::string& entry : source.entries) EXPECT_EQ(count(source.text, "ENTRY(" + entry + ", "), 1u) << entry;
  }
}

TEST(Compose, LinesKeepTheNumbersOfTheirFiles) {
  std::vector<Entry> entries = {{"prepare", {}, {}}};
  std::string text = compose("cuda", entries).text;
  EXPECT_NE(text.find("#line 1 \"kernels/norm/gpu/one_group_per_token.h\"\n// Norms of GPUs"), std::string::npos);
}

TEST(Compose, RefusesAnUnknownDialect) {
  std::vector<Entry> entries = {{"prepare", {}, {}}};
  EXPECT_THROW(compose("no_such", entries), Error);
}

// The canary: strings that a model file brings, in every place where a plan can hold one.
TEST(Compose, NoStringOfAModelReachesASource) {
  const char* canary = "canary); __attribute__((evil))";
  plan::Plan plan = plan_of(*format("q8_0"), {.max_rows = 16, .max_outputs = 4});
  plan.architecture = canary;
  for (plan::Value& value : plan.values) value.name = canary;
  for (plan::Weight& weight : plan.weights) weight.name = canary;
  for (plan::Vector& vector : plan.vectors) vector.name = canary;
  for (plan::State& state : plan.states) state.name = canary;
  for (plan::Step& step : plan.steps) step.name = canary;
  for (const char* dialect : {"cuda", "metal"}) {
    Source source = compose(dialect, entries(plan));
    EXPECT_EQ(source.text.find("canary"), std::string::npos);
    size_t at = source.text.find("#line 1 \"entries\"\n");
    std::string lines = source.text.substr(at + 18);
    EXPECT_TRUE(std::regex_match(lines, std::regex("(ENTRY\\([a-z0-9_]+, [a-z0-9_]+(<[a-z0-9_, <>]+>)?\\)\n)+")))
        << lines;
    EXPECT_EQ(count(lines, "ENTRY("), source.entries.size());
  }
}

}  // namespace
}  // namespace ingot::gpu
