// Small plans that own their weights, in the shapes of the known architectures and any format, and every number in
// them: a test puts something into one of them that is not finite, and asks for the error.
#pragma once
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <deque>
#include <functional>
#include <limits>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "plan/plan.h"
#include "kernels/random_blocks.h"

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

class PlannedModel {
 public:
  static constexpr int hidden = 256, heads = 4, kv_heads = 1, head_size = 64, ffn = 256, vocab = 64, context = 96,
                       max_batch = 48;
  plan::Plan plan;

  PlannedModel(const PlannedShape& shape, const quant::Format& format) : format_(&format) {
    using plan::Buffer;
    using plan::StepKind;
    plan.layers = shape.layers, plan.hidden = hidden, plan.heads = heads, plan.kv_heads = kv_heads,
    plan.head_size = head_size, plan.ffn = ffn, plan.vocab = vocab;
    plan.context = context, plan.max_batch = max_batch, plan.norm_epsilon = 1e-5f, plan.attention_scale = 0.125f,
    plan.embedding_scale = 1.5f;
    plan.activation = shape.post_norms ? plan::Activation::gelu_tanh : plan::Activation::silu;
    plan::Rope rope{shape.post_norms ? plan::Pairing::halves : plan::Pairing::neighbours, head_size, {}, 1.0f};
    for (int i = 0; i < head_size / 2; i++) rope.frequencies.push_back(std::pow(10000.0, -2.0 * i / head_size));
    plan.ropes.push_back(rope);
    auto segment = [&](const std::string& name, int rows, int cols, Buffer to, bool bias) {
      return plan::Segment{matrix(name, rows, cols), bias ? vector(rows, 0) : plan::Vector(), to};
    };
    auto add = [&](StepKind kind, int layer, Buffer from, bool norm,
                   std::vector<plan::Segment> segments) -> plan::Step& {
      plan::Step step;
      step.kind = kind, step.layer = layer, step.from = from, step.segments = std::move(segments);
      if (norm) step.norm = vector(hidden, 1);
      plan.steps.push_back(std::move(step));
      return plan.steps.back();
    };
    auto add_output = [&](int layer, Buffer from, int cols) {
      std::vector<plan::Segment> out = {
          segment("output", hidden, cols, shape.post_norms ? Buffer::block : Buffer::residual, shape.biases)};
      add(shape.post_norms ? StepKind::project : StepKind::project_add, layer, from, false, std::move(out));
      if (shape.post_norms) add(StepKind::norm_add, layer, Buffer::block, true, {});
    };
    constexpr int q = heads * head_size, kv = kv_heads * head_size;
    add(StepKind::embed, -1, Buffer::residual, false, {segment("embedding", vocab, hidden, Buffer::residual, false)});
    for (int i = 0; i < shape.layers; i++) {
      add(StepKind::qkv, i, Buffer::residual, true,
          {segment("query", q, hidden, Buffer::query, shape.biases),
           segment("key", kv, hidden, Buffer::key, shape.biases),
           segment("value", kv, hidden, Buffer::value, shape.biases)});
      plan::Step& turned = add(StepKind::rope_store, i, Buffer::query, false, {});
      if (shape.post_norms) turned.q_norm = vector(head_size, 1), turned.k_norm = vector(head_size, 1);
      add(StepKind::attend, i, Buffer::query, false, {}).window = shape.post_norms && i == 0 ? 5 : 0;
      add_output(i, Buffer::attended, q);
      add(StepKind::gate_up, i, Buffer::residual, true,
          {segment("gate", ffn, hidden, Buffer::ffn, shape.biases),
           segment("up", ffn, hidden, Buffer::ffn, shape.biases)});
      add_output(i, Buffer::ffn, ffn);
    }
    std::vector<plan::Segment> head = {segment("head", vocab, hidden, Buffer::logits, shape.biases)};
    if (shape.tied) head.front().matrix = plan.steps.front().segments.front().matrix;
    add(StepKind::head, -1, Buffer::residual, true, std::move(head));
  }

  /// Calls `each(what)` with every number of the plan and of its weights, one after another, set to NaN and to each
  /// of the infinities: of a vector the first or the last number, of a matrix those of the first or the last block.
  /// Embeddings are those of tokens 0 and vocab − 1.
  void each_plant(const std::function<void(const std::string& what)>& each) {
    plant_scalar("norm_epsilon", plan.norm_epsilon, each);
    plant_scalar("attention_scale", plan.attention_scale, each);
    plant_scalar("embedding_scale", plan.embedding_scale, each);
    for (plan::Rope& rope : plan.ropes) {
      plant_scalar("the rope's magnitude", rope.magnitude, each);
      plant_scalar("a frequency", rope.frequencies.back(), each);
    }
    for (plan::Step& step : plan.steps) {
      std::string in = fmt::format("layer {}, {}", step.layer, plan::step_kind_name(step.kind));
      plant_vector(in + ", norm", step.norm, each);
      plant_vector(in + ", query norm", step.q_norm, each);
      plant_vector(in + ", key norm", step.k_norm, each);
      for (plan::Segment& s : step.segments) {
        plant_vector(in + ", bias of " + s.matrix.name, s.bias, each);
        plant_scalar(in + ", scale of " + s.matrix.name, s.matrix.scale, each);
        if (step.kind != plan::StepKind::head || s.matrix.data != plan.steps.front().segments.front().matrix.data)
          plant_matrix(in, s.matrix, each);
      }
    }
  }

 private:
  static constexpr double values[] = {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity(),
                                      -std::numeric_limits<double>::infinity()};

  plan::Vector vector(int n, float mean) {
    std::normal_distribution<float> d(mean, 0.1f);
    plan::Vector v(n);
    for (float& x : v) x = d(random_);
    return v;
  }
  // Random blocks, scaled on the whole so that outputs stay near 1.
  plan::Matrix matrix(const std::string& name, int rows, int cols) {
    std::vector<uint8_t>& bytes = bytes_.emplace_back(random_rows(*format_, rows, cols, random_()));
    const std::byte* data = reinterpret_cast<const std::byte*>(bytes.data());
    std::vector<float> row(cols);
    double squares = 0;
    for (int r = 0; r < rows; r++) {
      format_->decode(data + r * format_->row_bytes(cols), row.data(), cols);
      for (float w : row) squares += double(w) * w;
    }
    owned_[data] = &bytes;
    return {name, format_, rows, cols, data, static_cast<float>(1 / std::sqrt(squares / rows))};
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
  static void plant_vector(const std::string& what, plan::Vector& v,
                           const std::function<void(const std::string&)>& each) {
    if (v.empty()) return;
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
  void plant_matrix(const std::string& in, const plan::Matrix& m,
                    const std::function<void(const std::string&)>& each) {
    std::vector<uint8_t>& bytes = *owned_.at(m.data);
    const ptrdiff_t block = format_->block_bytes;
    bool last = false;
    for (const Field& field : fields(bytes.data())) {
      auto begin = last ? bytes.end() - block : bytes.begin();
      const std::vector<uint8_t> before(begin, begin + block);
      std::ranges::copy(field.bits, begin + field.at);
      each(fmt::format("{}, {} block of {}, bytes {:02x} at {}", in, last ? "last" : "first", m.name,
                       fmt::join(field.bits, " "), field.at));
      std::ranges::copy(before, begin);
      last = !last;
    }
  }

  const quant::Format* format_;
  std::mt19937 random_{7};
  std::deque<std::vector<uint8_t>> bytes_;
  std::map<const std::byte*, std::vector<uint8_t>*> owned_;
};

}  // namespace ingot::tests
