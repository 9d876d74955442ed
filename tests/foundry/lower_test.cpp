// From a blueprint to the steps of a plan: which there are, and which values, weights and ropes they share.
#include "foundry/lower.h"

#include <fmt/core.h>

#include <cmath>

#include "small_model.h"

namespace ingot {
namespace {

using tests::SmallModel;

const plan::Limits limits = {.context = 64, .max_rows = 8, .max_outputs = 2};

plan::Plan lowered(const SmallModel& m) { return foundry::lower(m.resolve(), limits); }

/// The ops of one kind, in the order of the steps.
template <class Op> std::vector<Op> ops(const plan::Plan& p) {
  std::vector<Op> all;
  for (const plan::Step& step : p.steps)
    if (auto* op = std::get_if<Op>(&step.op)) all.push_back(*op);
  return all;
}

std::string names(const plan::Plan& p) {
  std::string all;
  for (const plan::Step& step : p.steps) all += fmt::format("{}{}:{}", all.empty() ? "" : " ", step.layer, step.name);
  return all;
}

TEST(Lower, StepsOfALayer) {
  const plan::Plan p = lowered(SmallModel("llama"));
  EXPECT_EQ(names(p),
            "-1:embed 0:qkv 0:rope_store 0:attend 0:output 0:gate_up 0:down "
            "1:qkv 1:rope_store 1:attend 1:output 1:gate_up 1:down -1:lm_head");
  EXPECT_EQ(p.architecture, "llama");
  EXPECT_EQ(p.limits.context, 64);
  EXPECT_EQ(p.limits.max_outputs, 2);
  EXPECT_EQ(p.vocab(), 40);
  EXPECT_EQ(p.values.size(), 7u);  // residual, logits, query, key, value, attended, ffn: layers share them
  EXPECT_EQ(p.ropes.size(), 1u);
  EXPECT_EQ(p.states.size(), 2u);
  const std::vector<plan::Linear> linears = ops<plan::Linear>(p);
  EXPECT_EQ(p[linears[0].outputs[2].weight].name, "blk.0.attn_v.weight");
  EXPECT_TRUE(linears[1].outputs[0].add);  // straight to the residual
  EXPECT_EQ(p[linears[1].outputs[0].to].name, "residual");
  EXPECT_EQ(ops<plan::Attend>(p)[1].state.index, 1);
}

TEST(Lower, ATiedHeadIsTheWeightOfTheEmbedding) {
  SmallModel m("llama");
  plan::Plan p = lowered(m);
  EXPECT_EQ(ops<plan::Linear>(p).back().outputs[0].weight, ops<plan::Embed>(p)[0].table);
  EXPECT_EQ(p.weights.size(), 15u);
  m.add("output.weight", {64, 40});
  p = lowered(m);
  EXPECT_EQ(p[ops<plan::Linear>(p).back().outputs[0].weight].name, "output.weight");
  EXPECT_EQ(p.weights.size(), 16u);
}

TEST(Lower, PostNormsComeBeforeTheResidual) {
  SmallModel m("gemma3", 7, 32);
  m.add_gemma3(7, 32);
  const plan::Plan p = lowered(m);
  EXPECT_NE(names(p).find("6:output 6:attention post-norm 6:gate_up 6:down 6:mlp post-norm -1:lm_head"),
            std::string::npos)
      << names(p);
  EXPECT_FALSE(ops<plan::Linear>(p)[1].outputs[0].add);
  EXPECT_EQ(p[ops<plan::NormAdd>(p)[0].to].name, "residual");
  ASSERT_EQ(p.ropes.size(), 2u);  // of local layers and of global ones, not of each layer
  const std::vector<plan::RopeStore> stores = ops<plan::RopeStore>(p);
  for (size_t l = 0; l < 7; l++) {
    EXPECT_DOUBLE_EQ(p[stores[l].rope].frequencies[8], std::pow(l == 5 ? 1e6 : 1e4, -0.5)) << l;
    EXPECT_EQ(ops<plan::Attend>(p)[l].window, l == 5 ? 0 : 512) << l;
  }
}

TEST(Lower, FusedTensorsAreSlicesOfOneWeight) {
  SmallModel m("phi3", 1);
  m.fuse_qkv(1);
  m.fuse_gate_up(1);
  const plan::Plan p = lowered(m);
  EXPECT_EQ(p.weights.size(), 5u);  // embedding, qkv, output, gate_up, down
  const plan::Linear qkv = ops<plan::Linear>(p)[0];
  const plan::Id<plan::Weight> fused = qkv.outputs[0].weight.weight;
  EXPECT_EQ(qkv.outputs[0].weight,
            (plan::Slice{.weight = fused, .first_row = 0, .rows = 64, .first_col = 0, .cols = 64}));
  EXPECT_EQ(qkv.outputs[1].weight,
            (plan::Slice{.weight = fused, .first_row = 64, .rows = 32, .first_col = 0, .cols = 64}));
  EXPECT_EQ(qkv.outputs[2].weight,
            (plan::Slice{.weight = fused, .first_row = 96, .rows = 32, .first_col = 0, .cols = 64}));
  const plan::GatedLinear gated = ops<plan::GatedLinear>(p)[0];
  EXPECT_EQ(gated.gate.first_row, 0);
  EXPECT_EQ(gated.up.first_row, 96);
  EXPECT_EQ(gated.up.weight, gated.gate.weight);
}

TEST(Lower, WithoutRopeNothingIsRotated) {
  const plan::Plan p = lowered(SmallModel("smollm3", 5));
  const std::vector<plan::RopeStore> stores = ops<plan::RopeStore>(p);
  EXPECT_EQ(p.ropes.size(), 2u);
  EXPECT_EQ(p[stores[3].rope].frequencies, std::vector<double>{0});
  EXPECT_EQ(p[stores[3].rope].magnitude, 1);
  EXPECT_EQ(p[stores[4].rope].frequencies.size(), 8u);
}

// Layers that differ in size do not share values: each width is one of its own.
TEST(Lower, LayersMayDifferInSize) {
  SmallModel wide("llama", 2, 32);
  wide.set("attention.key_length", 32u);
  wide.set("feed_forward_length", 128u);
  for (uint32_t l = 0; l < 2; l++) {
    wide.add(SmallModel::in(l, "ffn_gate.weight"), {64, 128});
    wide.add(SmallModel::in(l, "ffn_up.weight"), {64, 128});
    wide.add(SmallModel::in(l, "ffn_down.weight"), {128, 64});
  }
  foundry::Blueprint b = SmallModel("llama", 1).resolve();
  b.layers.push_back(wide.resolve().layers[1]);
  const plan::Plan p = foundry::lower(b, limits);  // which checks that steps and values fit
  EXPECT_EQ(p[ops<plan::GatedLinear>(p)[0].to].cols, 96);
  EXPECT_EQ(p[ops<plan::GatedLinear>(p)[1].to].cols, 128);
  EXPECT_EQ(p.states[0].heads.key_size, 16);
  EXPECT_EQ(p.states[1].heads.key_size, 32);
  EXPECT_EQ(p.values.size(), 12u);  // residual and logits, and five of each layer
}

}  // namespace
}  // namespace ingot
