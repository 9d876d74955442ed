// Small plans in the shapes of the known architectures and any format, and every number in them: a test puts something
// into one of them that is not finite, and asks for the error.
#pragma once
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "backends_cpu/plan_builder.h"
#include "plan/plan.h"

namespace ingot::tests {

struct PlannedShape {
  const char* name;
  int layers;
  bool biases, post_norms, tied;
};
/// What the architectures in the tree differ by. A window takes a second layer, which sees what the first one did
/// outside it.
constexpr PlannedShape planned_shapes[] = {
    {"llama", 1, false, false, false}, {"qwen2", 1, true, false, true}, {"gemma3", 2, false, true, true}};

class PlannedModel : public PlanBuilder {
 public:
  static constexpr int hidden = 256, heads = 4, kv_heads = 1, head_size = 64, ffn = 256, vocab = 64, context = 96,
                       max_rows = 48;

  PlannedModel(const PlannedShape& shape, const quant::Format& format) : format_(&format), shape_(shape) {
    constexpr int q = heads * head_size, kv = kv_heads * head_size;
    plan.limits = {
        .context = context, .max_rows = max_rows, .max_outputs = 8, .state_format = nullptr, .state_bytes = 64 << 20};
    residual_ = value("residual", hidden);
    if (shape.post_norms) block_ = value("block", hidden);
    query = value("query", q), key = value("key", kv), value_ = value("value", kv);
    attended = value("attended", q);
    const plan::Id<plan::Value> gated = value("ffn", ffn);
    plan.logits = value("logits", vocab, plan::Value::Rows::outputs);
    const plan::Id<plan::Rope> turn =
        rope(shape.post_norms ? plan::Rope::Pairing::halves : plan::Rope::Pairing::neighbours, head_size);
    const plan::Slice table = matrix("embedding", vocab, hidden);
    step(-1, "embed", plan::Embed{.table = table, .scale = 1.5f, .to = residual_});
    for (int i = 0; i < shape.layers; i++) {
      const plan::Id<plan::State> kept =
          state({.heads = heads, .kv_heads = kv_heads, .key_size = head_size, .value_size = head_size});
      step(i, "qkv",
           plan::Linear{.from = residual_,
                        .norm = norm(hidden),
                        .outputs = {output("query", q, hidden, query), output("key", kv, hidden, key),
                                    output("value", kv, hidden, value_)}});
      plan::RopeStore rope_store{
          .query = query, .key = key, .value = value_, .rope = turn, .query_norm = {}, .key_norm = {}, .state = kept};
      if (shape.post_norms) rope_store.query_norm = norm(head_size), rope_store.key_norm = norm(head_size);
      step(i, "rope_store", rope_store);
      const int window = shape.post_norms && i == 0 ? 5 : 0;
      step(i, "attend", plan::Attend{.query = query, .state = kept, .window = window, .scale = 0.125f, .to = attended});
      add_to_residual(i, "output", attended, q);
      step(i, "gate_up",
           plan::GatedLinear{.from = residual_,
                             .norm = norm(hidden),
                             .gate = matrix("gate", ffn, hidden),
                             .up = matrix("up", ffn, hidden),
                             .activation = shape.post_norms ? plan::Activation::gelu_tanh : plan::Activation::silu,
                             .to = gated});
      add_to_residual(i, "down", gated, ffn);
    }
    plan::Output head = output("head", vocab, hidden, plan.logits, !shape.tied);
    if (shape.tied) head.weight = table;
    step(-1, "lm_head", plan::Linear{.from = residual_, .norm = norm(hidden), .outputs = {head}});
  }

  /// Of all layers.
  plan::Id<plan::Value> query, key, value_, attended;

  /// Calls `each(what)` with every number of the plan and of its weights, one after another, set to NaN and to each
  /// of the infinities: of a vector the first or the last number, of a matrix those of the first or the last block.
  /// Embeddings are those of tokens 0 and vocab − 1.
  void each_plant(const std::function<void(const std::string& what)>& each) {
    for (plan::Rope& rope : plan.ropes) {
      plant_scalar("the rope's magnitude", rope.magnitude, each);
      plant_scalar("a frequency", rope.frequencies.back(), each);
    }
    for (plan::Step& step : plan.steps) {
      const std::string in = fmt::format("layer {}, {}", step.layer, step.name);
      auto plant = [&](const char* name, const auto& leaf) {
        if constexpr (std::is_same_v<decltype(leaf), const float&>)
          plant_scalar(fmt::format("{}, {}", in, name), const_cast<float&>(leaf),
                       each);  // of this plan, which may change
      };
      std::visit([&](const auto& op) { plan::each_leaf(op, plant); }, step.op);
    }
    for (size_t i = 0; i < plan.vectors.size(); i++)
      plant_vector(fmt::format("vector {}", i), plan.vectors[i].numbers, each);
    for (size_t i = 0; i < plan.weights.size(); i++) {
      plant_scalar("scale of " + plan.weights[i].name, plan.weights[i].scale, each);
      plant_matrix(plan.weights[i].name, bytes[i], each);
    }
  }

 private:
  static constexpr double values[] = {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity(),
                                      -std::numeric_limits<double>::infinity()};

  plan::Slice matrix(const std::string& name, int rows, int cols) {
    const plan::Slice slice = weight(format_->name, rows, cols);
    plan.weights.back().name = name;
    return slice;
  }
  plan::Output output(const std::string& name, int rows, int cols, plan::Id<plan::Value> to, bool own = true) {
    return {.weight = own ? matrix(name, rows, cols) : plan::Slice(),
            .bias = shape_.biases ? vector(rows, 0) : plan::Id<plan::Vector>(),
            .to = to};
  }
  void add_to_residual(int layer, const char* name, plan::Id<plan::Value> from, int cols) {
    plan::Output out = output(name, hidden, cols, shape_.post_norms ? block_ : residual_);
    out.add = !shape_.post_norms;
    step(layer, name, plan::Linear{.from = from, .norm = std::nullopt, .outputs = {out}});
    if (shape_.post_norms)
      step(layer, "post-norm", plan::NormAdd{.from = block_, .norm = norm(hidden), .to = residual_});
  }

  template <class Number> static void plant_scalar(const std::string& what, Number& number,
                                                   const std::function<void(const std::string&)>& each) {
    Number before = number;
    for (double value : values) {
      number = static_cast<Number>(value);
      each(fmt::format("{} = {}", what, value));
    }
    number = before;
  }
  static void plant_vector(const std::string& what, std::vector<float>& v,
                           const std::function<void(const std::string&)>& each) {
    bool last = false;
    for (double value : values) {
      float& number = last ? v.back() : v.front();
      float before = std::exchange(number, static_cast<float>(value));
      each(fmt::format("{}, {} = {}", what, last ? "last" : "first", value));
      number = before;
      last = !last;
    }
  }

  // Where a block has a stored number, and its bits that are not finite: found by writing them and decoding.
  struct Field {
    int at;
    std::vector<uint8_t> bits;
  };
  std::vector<Field> fields(const uint8_t* sound) const {
    static const std::vector<std::vector<std::vector<uint8_t>>> numbers = {
        {{0, 0x7e}, {0, 0x7c}, {0, 0xfc}},                             // IEEE half precision
        {{0, 0, 0xc0, 0x7f}, {0, 0, 0x80, 0x7f}, {0, 0, 0x80, 0xff}},  // single precision
        {{0xc0, 0x7f}, {0x80, 0x7f}, {0x80, 0xff}}};                   // bfloat16
    std::vector<Field> found;
    std::vector<float> weights(format_->block);
    for (const auto& kinds : numbers) {
      for (const std::vector<uint8_t>& bits : kinds)
        for (int at = 0; at + static_cast<int>(bits.size()) <= format_->block_bytes; at += 2) {
          std::vector<uint8_t> block(sound, sound + format_->block_bytes);
          std::ranges::copy(bits, block.begin() + at);
          format_->decode(reinterpret_cast<const std::byte*>(block.data()), weights.data(), format_->block);
          if (!std::ranges::all_of(weights, [](float w) { return std::isfinite(w); })) found.push_back({at, bits});
        }
      if (!found.empty()) break;
    }
    return found;
  }
  void plant_matrix(const std::string& name, std::vector<uint8_t>& all,
                    const std::function<void(const std::string&)>& each) {
    const ptrdiff_t block = format_->block_bytes;
    bool last = false;
    for (const Field& field : fields(all.data())) {
      auto begin = last ? all.end() - block : all.begin();
      const std::vector<uint8_t> before(begin, begin + block);
      std::ranges::copy(field.bits, begin + field.at);
      each(fmt::format("{} block of {}, bytes {:02x} at {}", last ? "last" : "first", name, fmt::join(field.bits, " "),
                       field.at));
      std::ranges::copy(before, begin);
      last = !last;
    }
  }

  const quant::Format* format_;
  PlannedShape shape_;
  plan::Id<plan::Value> residual_, block_;
};

}  // namespace ingot::tests
