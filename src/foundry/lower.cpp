#include "foundry/lower.h"

#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <variant>

namespace ingot::foundry {

namespace {

using plan::Id;
using plan::Slice;
using plan::Value;

/// Rope of heads whose positions are not encoded: one pair, rotated by an angle of 0, which leaves it as it is.
const Rope no_rotation{.pairing = plan::Rope::Pairing::neighbours, .dims = 2, .frequencies = {0.0}, .magnitude = 1};

/// Writes the steps of one plan. One function per kind of mixer and of feed-forward.
class Lowering {
 public:
  Lowering(const Blueprint& blueprint, const plan::Limits& limits) : b_(blueprint) {
    plan_.architecture = b_.architecture;
    plan_.limits = limits;
    residual_ = value("residual", b_.hidden);
    plan_.logits = value("logits", b_.vocab, Value::Rows::outputs);
  }

  plan::Plan run() {
    step("embed", plan::Embed{.table = slice(b_.embedding), .scale = b_.embedding_scale, .to = residual_});
    for (const Layer& layer : b_.layers) {
      layer_++;
      std::visit([&](const auto& mixer) { mix(mixer, layer); }, layer.mixer);
      std::visit([&](const auto& feed_forward) { feed(feed_forward, layer); }, layer.feed_forward);
    }
    layer_ = -1;
    linear("lm_head", residual_, norm("norm", b_.head_norm),
           {{.weight = slice(b_.head), .bias = {}, .to = plan_.logits}});
    plan::check(plan_);
    return std::move(plan_);
  }

 private:
  void mix(const Attention& a, const Layer& layer) {
    const Id<Value> query = value("query", a.q.rows), key = value("key", a.k.rows), values = value("value", a.v.rows);
    const Id<Value> attended = value("attended", a.output.tensor.cols);
    const Id<plan::State> state{narrow<int32_t>(plan_.states.size())};
    plan_.states.push_back({.name = fmt::format("layer {} keys and values", layer_), .heads = a.heads});
    linear("qkv", residual_, norm("attention norm", layer.mixer_norm),
           {{.weight = slice(a.q), .bias = vector("q bias", a.q_bias), .to = query},
            {.weight = slice(a.k), .bias = vector("k bias", a.k_bias), .to = key},
            {.weight = slice(a.v), .bias = vector("v bias", a.v_bias), .to = values}});
    step("rope_store", plan::RopeStore{.query = query,
                                       .key = key,
                                       .value = values,
                                       .rope = rope(a.rope ? *a.rope : no_rotation),
                                       .query_norm = norm("q norm", a.q_norm),
                                       .key_norm = norm("k norm", a.k_norm),
                                       .state = state});
    step("attend", plan::Attend{.query = query, .state = state, .window = a.window, .scale = a.scale, .to = attended});
    add_to_residual("output", attended, a.output, "attention post-norm", layer.mixer_post_norm);
  }

  void feed(const GatedMlp& m, const Layer& layer) {
    const Id<Value> ffn = value("ffn", m.gate.rows);
    step("gate_up", plan::GatedLinear{.from = residual_,
                                      .norm = norm("mlp norm", layer.feed_forward_norm),
                                      .gate = slice(m.gate),
                                      .up = slice(m.up),
                                      .activation = m.activation,
                                      .to = ffn});
    add_to_residual("down", ffn, m.down, "mlp post-norm", layer.feed_forward_post_norm);
  }

  // A block's output is added to the residual, straight away or through a norm of its own.
  void add_to_residual(const char* name, Id<Value> from, const Matrix& matrix, const char* norm_name,
                       const Vector& post_norm) {
    const bool direct = post_norm.empty();
    const Id<Value> to = direct ? residual_ : value("block", b_.hidden);
    linear(name, from, std::nullopt, {{.weight = slice(matrix), .bias = {}, .to = to, .add = direct}});
    if (!direct) step(norm_name, plan::NormAdd{.from = to, .norm = *norm(norm_name, post_norm), .to = residual_});
  }

  void linear(const char* name, Id<Value> from, std::optional<plan::Norm> norm, std::vector<plan::Output> outputs) {
    step(name, plan::Linear{.from = from, .norm = norm, .outputs = std::move(outputs)});
  }
  void step(const char* name, plan::Op op) {
    plan_.steps.push_back({.layer = layer_, .name = name, .op = std::move(op)});
  }

  /// Layers share a value of the same name and width: none of what lies between steps outlives its layer.
  Id<Value> value(const char* name, int64_t cols, Value::Rows rows = Value::Rows::tokens) {
    auto [at, added] = values_.try_emplace({name, cols}, Id<Value>{narrow<int32_t>(plan_.values.size())});
    if (added) plan_.values.push_back({.name = name, .cols = cols, .rows = rows});
    return at->second;
  }
  /// A matrix as part of its tensor. A tensor that two steps use (a tied embedding) is one weight.
  Slice slice(const Matrix& matrix) {
    auto [at, added] =
        weights_.try_emplace(matrix.tensor.name, Id<plan::Weight>{narrow<int32_t>(plan_.weights.size())});
    if (added) plan_.weights.push_back(matrix.tensor);
    return {.weight = at->second,
            .first_row = matrix.first_row,
            .rows = matrix.rows,
            .first_col = 0,
            .cols = matrix.tensor.cols};
  }
  Id<plan::Rope> rope(const Rope& rope) {
    auto same = [&](const Rope& other) {
      return other.pairing == rope.pairing && other.dims == rope.dims && other.frequencies == rope.frequencies &&
             other.magnitude == rope.magnitude;
    };
    const auto found = std::find_if(plan_.ropes.begin(), plan_.ropes.end(), same);
    const auto index = found - plan_.ropes.begin();
    if (found == plan_.ropes.end()) plan_.ropes.push_back(rope);
    return {narrow<int32_t>(index)};
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
  std::map<std::pair<std::string, int64_t>, Id<Value>> values_;  ///< by name and columns
  std::map<std::string, Id<plan::Weight>> weights_;
  Id<Value> residual_;
};

}  // namespace

plan::Plan lower(const Blueprint& blueprint, const plan::Limits& limits) { return Lowering(blueprint, limits).run(); }

}  // namespace ingot::foundry
