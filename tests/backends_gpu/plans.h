// Small plans whose matrices are all of one format, to learn which kernels a format is run by, or to run them.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "backends/gpu/calls.h"
#include "backends/gpu/pages.h"
#include "backends/gpu/tiles.h"
#include "support/random_weights.h"

namespace ingot::gpu {

struct PlanShape {
  int hidden = 512, head_size = 64;
  bool post_norms = false;  // a block's output is normed before it is added
  int layers = 1, ffn = 512, vocab = 512, heads = 2, kv_heads = 1;
  int context = 4096, max_rows = 512, max_outputs = 512;
  int window = 0;
  const quant::Format* kept = nullptr;  // of keys and values; null: halves
};

/// Writes a plan; nothing in its weights is read until `data` of them is set.
class PlanBuilder {
 public:
  PlanBuilder(const quant::Format& format, const PlanShape& shape) : format_(format), s_(shape) {
    plan_.limits = {.context = s_.context,
                    .max_rows = s_.max_rows,
                    .max_outputs = s_.max_outputs,
                    .state_format = s_.kept,
                    .state_bytes = 0};
    const int q = s_.heads * s_.head_size, kv = s_.kv_heads * s_.head_size;
    residual_ = value("residual", s_.hidden), query_ = value("query", q), key_ = value("key", kv),
    value_ = value("value", kv);
    attended_ = value("attended", q), ffn_ = value("ffn", s_.ffn), block_ = value("block", s_.hidden);
    plan_.logits = value("logits", s_.vocab, plan::Value::Rows::outputs);
    plan::Rope rope{.pairing = plan::Rope::Pairing::halves, .dims = s_.head_size, .frequencies = {}, .magnitude = 1};
    for (int i = 0; i < s_.head_size / 2; i++) rope.frequencies.push_back(std::pow(10000.0, -2.0 * i / s_.head_size));
    plan_.ropes.push_back(rope);
  }
  plan::Plan plan() {
    step("embed", -1, plan::Embed{.table = matrix(s_.vocab, s_.hidden), .scale = 1, .to = residual_});
    for (int l = 0; l < s_.layers; l++) layer(l);
    step("lm_head", -1,
         plan::Linear{
             .from = residual_, .norm = norm(s_.hidden), .outputs = {{matrix(s_.vocab, s_.hidden), {}, plan_.logits}}});
    plan::check(plan_);
    return plan_;
  }

 private:
  void layer(int l) {
    const int q = s_.heads * s_.head_size, kv = s_.kv_heads * s_.head_size;
    const plan::Id<plan::State> state{narrow<int32_t>(plan_.states.size())};
    plan_.states.push_back(
        {"state", {.heads = s_.heads, .kv_heads = s_.kv_heads, .key_size = s_.head_size, .value_size = s_.head_size}});
    step("qkv", l,
         plan::Linear{.from = residual_,
                      .norm = norm(s_.hidden),
                      .outputs = {{matrix(q, s_.hidden), {}, query_},
                                  {matrix(kv, s_.hidden), {}, key_},
                                  {matrix(kv, s_.hidden), {}, value_}}});
    plan::RopeStore rope{
        .query = query_, .key = key_, .value = value_, .rope = {0}, .query_norm = {}, .key_norm = {}, .state = state};
    if (s_.post_norms) rope.query_norm = norm(s_.head_size), rope.key_norm = norm(s_.head_size);
    step("rope_store", l, rope);
    const float scale = 1 / std::sqrt(static_cast<float>(s_.head_size));
    step("attend", l,
         plan::Attend{.query = query_, .state = state, .window = s_.window, .scale = scale, .to = attended_});
    add_output("output", l, attended_, q);
    const auto activation = s_.post_norms ? plan::Activation::gelu_tanh : plan::Activation::silu;
    step("gate_up", l,
         plan::GatedLinear{.from = residual_,
                           .norm = norm(s_.hidden),
                           .gate = matrix(s_.ffn, s_.hidden),
                           .up = matrix(s_.ffn, s_.hidden),
                           .activation = activation,
                           .to = ffn_});
    add_output("down", l, ffn_, s_.ffn);
  }
  void add_output(const char* name, int l, plan::Id<plan::Value> from, int64_t cols) {
    const bool direct = !s_.post_norms;
    step(name, l,
         plan::Linear{
             .from = from,
             .norm = std::nullopt,
             .outputs = {
                 {.weight = matrix(s_.hidden, cols), .bias = {}, .to = direct ? residual_ : block_, .add = direct}}});
    if (!direct) step("post-norm", l, plan::NormAdd{.from = block_, .norm = *norm(s_.hidden), .to = residual_});
  }
  plan::Id<plan::Value> value(const char* name, int64_t cols, plan::Value::Rows rows = plan::Value::Rows::tokens) {
    plan_.values.push_back({name, cols, rows});
    return {narrow<int32_t>(plan_.values.size() - 1)};
  }
  plan::Slice matrix(int64_t rows, int64_t cols) {
    plan_.weights.push_back(
        {.name = std::to_string(plan_.weights.size()), .format = &format_, .rows = rows, .cols = cols});
    return {.weight = {narrow<int32_t>(plan_.weights.size() - 1)},
            .first_row = 0,
            .rows = rows,
            .first_col = 0,
            .cols = cols};
  }
  std::optional<plan::Norm> norm(int64_t size) {
    plan_.vectors.push_back({"norm", std::vector<float>(static_cast<size_t>(size), 1.0f)});
    return plan::Norm{.weight = {narrow<int32_t>(plan_.vectors.size() - 1)}, .epsilon = 1e-5f};
  }
  void step(const char* name, int l, plan::Op op) { plan_.steps.push_back({l, name, std::move(op)}); }

  const quant::Format& format_;
  const PlanShape s_;
  plan::Plan plan_;
  plan::Id<plan::Value> residual_, query_, key_, value_, attended_, ffn_, block_;
};

inline plan::Plan plan_of(const quant::Format& format, const PlanShape& shape) {
  return PlanBuilder(format, shape).plan();
}

/// A plan with random weights that it owns.
struct RandomPlan {
  plan::Plan plan;
  std::vector<std::vector<std::byte>> bytes;
  RandomPlan(const quant::Format& format, const PlanShape& shape) : plan(plan_of(format, shape)) {
    std::mt19937 random(11);
    for (plan::Weight& w : plan.weights) {
      std::normal_distribution<float> normal(0, 1 / std::sqrt(static_cast<float>(w.cols)));
      std::vector<float> numbers(static_cast<size_t>(w.rows * w.cols));
      for (float& x : numbers) x = normal(random);
      w.data = bytes.emplace_back(test::encoded(format, numbers, random)).data();
    }
  }
};

/// Every kernel by which any plan runs a format, each once, on a device of which `target` says what it is: its
/// matrices, and keys and values that are kept in it.
inline std::vector<Entry> entries_of(const quant::Format& format, const Target& target) {
  constexpr int rows = 8192;  // enough for every pass of gemm
  std::vector<Entry> all;
  auto add = [&](PlanShape shape) {
    shape.heads = 8, shape.kv_heads = 4;  // whole blocks of every format
    shape.max_rows = shape.max_outputs = rows;
    const plan::Plan plan = plan_of(format, shape);
    if (shape.kept && coded_states(plan) && !keeps(*shape.kept, plan)) return;
    for (const Entry& entry : entries(plan, target))
      if (std::ranges::find(all, entry) == all.end()) all.push_back(entry);
  };
  for (int hidden : {512, 16384})
    for (int head_size : {64, 96, 128, 256})
      for (bool post_norms : {false, true})
        add({.hidden = hidden, .head_size = head_size, .post_norms = post_norms, .ffn = hidden});
  for (int head_size : {64, 96, 128, 224, 256, 320, 512}) add({.head_size = head_size, .kept = &format});
  return all;
}

/// "every" format, the first of each of the "classes", or the one of that name.
inline std::vector<const quant::Format*> formats_to_check(const std::string& which) {
  std::vector<const quant::Format*> formats;
  std::set<std::pair<std::string, int>> classes;
  for (size_t i = 0; i < quant::formats().size(); i++) {
    const FormatTiles& t = *format_tiles()[i];
    bool first = classes.emplace(t.class_kind, t.class_bits).second;
    if (which == "classes" ? first : which == "every" || which == quant::formats()[i].name)
      formats.push_back(&quant::formats()[i]);
  }
  return formats;
}

}  // namespace ingot::gpu
