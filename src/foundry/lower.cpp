#include "foundry/lower.h"

#include <fmt/core.h>

#include <map>
#include <string>
#include <utility>

namespace ingot::foundry {

namespace {

using plan::Id;
using plan::Slice;
using plan::Value;

/// Writes the steps of one plan.
class Lowering {
 public:
  Lowering(const Blueprint& blueprint, const plan::Limits& limits) : b_(blueprint) {
    plan_.architecture = b_.architecture;
    plan_.ropes = b_.ropes;
    plan_.limits = limits;
    const int64_t q = int64_t{b_.heads} * b_.head_size, kv = int64_t{b_.kv_heads} * b_.head_size;
    residual_ = value("residual", b_.hidden);
    query_ = value("query", q), key_ = value("key", kv), value_ = value("value", kv);
    attended_ = value("attended", q);
    ffn_ = value("ffn", b_.ffn);
    plan_.logits = value("logits", b_.vocab, Value::Rows::outputs);
  }

  plan::Plan run() {
    step("embed", plan::Embed{.table = whole(b_.embedding), .scale = b_.embedding_scale, .to = residual_});
    for (layer_ = 0; layer_ < b_.layers; layer_++) {
      const Layer& layer = b_.layer[layer_];
      mixer(layer);
      feed_forward(layer);
    }
    layer_ = -1;
    linear("lm_head", residual_, norm("norm", b_.head_norm), {{.weight = whole(b_.head), .bias = {}, .to = plan_.logits}});
    plan::check(plan_);
    return std::move(plan_);
  }

 private:
  void mixer(const Layer& layer) {
    const plan::HeadShape heads{.heads = b_.heads, .kv_heads = b_.kv_heads, .key_size = b_.head_size, .value_size = b_.head_size};
    const Id<plan::State> state{narrow<int32_t>(plan_.states.size())};
    plan_.states.push_back({.name = fmt::format("layer {} keys and values", layer_), .heads = heads});
    linear("qkv", residual_, norm("attention norm", layer.attention_norm),
           {{.weight = whole(layer.q), .bias = vector("q bias", layer.q_bias), .to = query_},
            {.weight = whole(layer.k), .bias = vector("k bias", layer.k_bias), .to = key_},
            {.weight = whole(layer.v), .bias = vector("v bias", layer.v_bias), .to = value_}});
    step("rope_store", plan::RopeStore{.query = query_,
                                       .key = key_,
                                       .value = value_,
                                       .rope = {layer.rope},
                                       .query_norm = norm("q norm", layer.q_norm),
                                       .key_norm = norm("k norm", layer.k_norm),
                                       .state = state});
    step("attend", plan::Attend{
                       .query = query_, .state = state, .window = layer.window, .scale = b_.attention_scale, .to = attended_});
    add_to_residual("output", attended_, layer.output, "attention post-norm", layer.attention_post_norm);
  }

  void feed_forward(const Layer& layer) {
    step("gate_up", plan::GatedLinear{.from = residual_,
                                      .norm = norm("mlp norm", layer.mlp_norm),
                                      .gate = whole(layer.gate),
                                      .up = whole(layer.up),
                                      .activation = b_.activation,
                                      .to = ffn_});
    add_to_residual("down", ffn_, layer.down, "mlp post-norm", layer.mlp_post_norm);
  }

  // A block's output is added to the residual, straight away or through a norm of its own.
  void add_to_residual(const char* name, Id<Value> from, const Matrix& matrix, const char* norm_name, const Vector& post_norm) {
    const bool direct = post_norm.empty();
    if (!direct && !block_) block_ = value("block", b_.hidden);
    linear(name, from, std::nullopt, {{.weight = whole(matrix), .bias = {}, .to = direct ? residual_ : block_, .add = direct}});
    if (!direct) step(norm_name, plan::NormAdd{.from = block_, .norm = *norm(norm_name, post_norm), .to = residual_});
  }

  void linear(const char* name, Id<Value> from, std::optional<plan::Norm> norm, std::vector<plan::Output> outputs) {
    step(name, plan::Linear{.from = from, .norm = norm, .outputs = std::move(outputs)});
  }
  void step(const char* name, plan::Op op) { plan_.steps.push_back({.layer = layer_, .name = name, .op = std::move(op)}); }

  Id<Value> value(const char* name, int64_t cols, Value::Rows rows = Value::Rows::tokens) {
    plan_.values.push_back({.name = name, .cols = cols, .rows = rows});
    return {narrow<int32_t>(plan_.values.size() - 1)};
  }
  /// All of a matrix. One that two steps use (a tied embedding) is one weight.
  Slice whole(const Matrix& matrix) {
    auto [at, added] = weights_.try_emplace(matrix.name, Id<plan::Weight>{narrow<int32_t>(plan_.weights.size())});
    if (added) plan_.weights.push_back(matrix);
    return {.weight = at->second, .first_row = 0, .rows = matrix.rows, .first_col = 0, .cols = matrix.cols};
  }
  Id<plan::Vector> vector(const char* name, const Vector& numbers) {
    if (numbers.empty()) return {};
    plan_.vectors.push_back({.name = layer_ < 0 ? name : fmt::format("layer {} {}", layer_, name), .numbers = numbers});
    return {narrow<int32_t>(plan_.vectors.size() - 1)};
  }
  std::optional<plan::Norm> norm(const char* name, const Vector& weight) {
    if (weight.empty()) return std::nullopt;
    return plan::Norm{.weight = vector(name, weight), .epsilon = b_.norm_epsilon};
  }

  const Blueprint& b_;
  plan::Plan plan_;
  int layer_ = -1;
  std::map<std::string, Id<plan::Weight>> weights_;
  Id<Value> residual_, query_, key_, value_, attended_, ffn_, block_;
};

}  // namespace

plan::Plan lower(const Blueprint& blueprint, const plan::Limits& limits) { return Lowering(blueprint, limits).run(); }

}  // namespace ingot::foundry
