// Composed sources: what is in them, and what never gets into them.
#include "backends/gpu/compose.h"

#include <gtest/gtest.h>

#include <regex>

#include "backends/gpu/calls.h"
#include "ingot/error.h"

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
    std::vector<Entry> entries = {{"gemv_one", {"32", "normed", "store_out"}, {format("iq2_xs"), format("iq2_s"), format("iq2_xs")}}, {"embed", {}, {format("iq2_xs")}}};
    Source source = compose(dialect, entries);
    EXPECT_EQ(source.text.find("#include \""), std::string::npos);
    EXPECT_EQ(source.text.find("#pragma once"), std::string::npos);
    for (const char* once : {"struct iq2_xs :", "struct iq2_s :", "with_signs(u64", "struct view {", "struct gemv {"}) EXPECT_LE(count(source.text, once), 1u) << once;
    EXPECT_EQ(count(source.text, "struct iq2_xs :"), 1u);
    EXPECT_EQ(source.entries, (std::vector<std::string>{"gemv_one_32_normed_store_out_iq2_xs_iq2_s_iq2_xs", "embed_iq2_xs"}));
    for (const std::string& entry : source.entries) EXPECT_EQ(count(source.text, "ENTRY(" + entry + ", "), 1u) << entry;
  }
}

TEST(Compose, LinesKeepTheNumbersOfTheirFiles) {
  std::vector<Entry> entries = {{"prepare", {}, {}}};
  std::string text = compose("cuda", entries).text;
  EXPECT_NE(text.find("#line 1 \"kernels/norm/token_a_group.h\"\n// Norms of GPUs"), std::string::npos);
}

TEST(Compose, RefusesAnUnknownDialect) {
  std::vector<Entry> entries = {{"prepare", {}, {}}};
  EXPECT_THROW(compose("no_such", entries), Error);
}

// The canary: strings that a model file brings, in every place where a plan can hold one.
TEST(Compose, NoStringOfAModelReachesASource) {
  const char* canary = "canary); __attribute__((evil))";
  plan::Plan plan;
  plan.architecture = canary;
  plan.layers = 1, plan.hidden = 64, plan.heads = 2, plan.kv_heads = 1, plan.head_size = 32, plan.ffn = 64, plan.vocab = 32, plan.context = 32, plan.max_batch = 8;
  plan.ropes.push_back({plan::Pairing::halves, 32, std::vector<double>(16), 1});
  std::vector<std::byte> bytes(64 * 64 * 4);
  plan::Matrix matrix{canary, format("q8_0"), 32, 64, bytes.data(), 1};
  auto add = [&](plan::StepKind kind, plan::Buffer from, std::vector<plan::Segment> segments) {
    plan::Step step;
    step.kind = kind, step.layer = 0, step.from = from, step.segments = std::move(segments), step.norm = plan::Vector(64, 1.0f);
    plan.steps.push_back(std::move(step));
  };
  add(plan::StepKind::embed, plan::Buffer::residual, {{matrix, {}, plan::Buffer::residual}});
  add(plan::StepKind::qkv, plan::Buffer::residual, {{matrix, {}, plan::Buffer::query}});
  add(plan::StepKind::rope_store, plan::Buffer::residual, {});
  add(plan::StepKind::attend, plan::Buffer::residual, {});
  add(plan::StepKind::head, plan::Buffer::residual, {{matrix, {}, plan::Buffer::logits}});
  for (const char* dialect : {"cuda", "metal"}) {
    Source source = compose(dialect, entries(plan));
    EXPECT_EQ(source.text.find("canary"), std::string::npos);
    size_t at = source.text.find("#line 1 \"entries\"\n");
    std::string lines = source.text.substr(at + 18);
    EXPECT_TRUE(std::regex_match(lines, std::regex("(ENTRY\\([a-z0-9_]+, [a-z0-9_]+(<[a-z0-9_, <>]+>)?\\)\n)+"))) << lines;
    EXPECT_EQ(count(lines, "ENTRY("), source.entries.size());
  }
}

}  // namespace
}  // namespace ingot::gpu
