// A plan one token, one head and one output at a time, from plain parts: norm, rounding, one row of a matrix, bias,
// activation. The order of sums is that of the program, so the bits are.
#pragma once
#include <cmath>
#include <optional>
#include <variant>
#include <vector>

#include "backends/cpu/attention.h"
#include "backends/cpu/layout.h"
#include "backends/cpu/states.h"
#include "plan/plan.h"

namespace ingot::cpu {

class Unfused {
 public:
  Unfused(const plan::Plan& plan, const Isa& isa)
      : plan_(plan),
        isa_(isa),
        layout_(plan, isa),
        states_(layout_, {1, plan::pages_for(plan.limits.context)}),
        values_(plan.values.size()) {
    for (int i = plan::pages_for(plan.limits.context); i > 0; i--) pages_.push_back(i - 1);
    for (size_t v = 0; v < values_.size(); v++) values_[v].resize(plan.values[v].cols);
  }

  std::vector<float> token(int32_t id, int position) {
    id_ = id, position_ = position;
    for (const plan::Step& step : plan_.steps) std::visit([&](const auto& op) { compute(op); }, step.op);
    return at(plan_.logits);
  }

 private:
  std::vector<float>& at(plan::Id<plan::Value> id) { return values_[id.index]; }

  void compute(const plan::Embed& op) {
    const MatrixView m = view_of(plan_, op.table);
    m.format->decode(reinterpret_cast<const std::byte*>(m.data) + id_ * m.row_bytes, at(op.to).data(), m.cols);
    for (float& x : at(op.to)) x *= op.scale * plan_[op.table].scale;
  }
  void compute(const plan::Linear& op) {
    const std::vector<float> x = op.norm ? normed(at(op.from), *op.norm) : at(op.from);
    for (const plan::Output& output : op.outputs) {
      std::vector<float> y = multiply(output.weight, x);
      for (size_t r = 0; r < y.size(); r++) {
        if (output.bias) y[r] += plan_[output.bias].numbers[r];
        float& to = at(output.to)[r];
        to = output.add ? to + y[r] : y[r];
      }
    }
  }
  void compute(const plan::GatedLinear& op) {
    const std::vector<float> x = op.norm ? normed(at(op.from), *op.norm) : at(op.from);
    std::vector<float> gate = multiply(op.gate, x), up = multiply(op.up, x);
    const size_t n = gate.size();
    gate.resize((n + 15) / 16 * 16), up.resize(gate.size());
    auto activate = op.activation == plan::Activation::silu ? isa_.ops->gate_silu : isa_.ops->gate_gelu_tanh;
    activate({gate.data(), up.data(), static_cast<int>(gate.size()), gate.data()});
    at(op.to).assign(gate.begin(), gate.begin() + n);
  }
  void compute(const plan::RopeStore& op) {
    const plan::HeadShape& h = plan_[op.state].heads;
    const StatesLayout::Part& part = layout_[op.state];
    std::vector<u8> scratch(layout_.store_bytes());
    for (int i = 0; i < h.heads; i++) rotate(op, op.query_norm, at(op.query).data() + i * h.key_size, h.key_size);
    for (int i = 0; i < h.kv_heads; i++) {
      float* key = at(op.key).data() + i * h.key_size;
      rotate(op, op.key_norm, key, h.key_size);
      const int32_t page = pages_[position_ / plan::page_positions];
      layout_.store(*isa_.ops, part, key, at(op.value).data() + i * h.value_size, position_ % plan::page_positions,
                    states_.keys(part, i, page), states_.values(part, i, page), scratch.data());
    }
  }
  void compute(const plan::Attend& op) {
    const plan::HeadShape& h = plan_[op.state].heads;
    const StatesLayout::Part& part = layout_[op.state];
    std::vector<float> run(record_floats(h.value_size)), merged(run), values(attend_tile * h.value_size),
        scales(h.key_size);
    std::vector<i8> codes(h.key_size);
    std::vector<i16> sums(h.key_size);
    for (int i = 0; i < h.heads; i++) {
      const int kv_head = i / (h.heads / h.kv_heads);
      isa_.ops->attend(
          {.query = at(op.query).data() + i * h.key_size,
           .query_stride = h.key_size,
           .tokens = 1,
           .heads = 1,
           .position = position_,
           .window = op.window,
           .keys = states_.keys(part, kv_head),
           .values = states_.values(part, kv_head),
           .pages = pages_.data(),
           .key_page_bytes = static_cast<i64>(part.key_bytes),
           .value_page_bytes = static_cast<i64>(part.value_bytes),
           .key_size = h.key_size,
           .value_size = h.value_size,
           .scale = op.scale,
           .first_run = 0,
           .end_run = 1 << 20,
           .parts = nullptr,
           .out = at(op.to).data() + i * h.value_size,
           .out_stride = h.value_size,
           .coded = layout_.coded() ? &part.coded : nullptr,
           .workspace = {run.data(), merged.data(), values.data(), codes.data(), scales.data(), sums.data()}});
    }
  }
  void compute(const plan::NormAdd& op) {
    const std::vector<float> y = normed(at(op.from), op.norm);
    for (size_t i = 0; i < y.size(); i++) at(op.to)[i] += y[i];
  }

  std::vector<float> normed(const std::vector<float>& x, const plan::Norm& norm) {
    std::vector<float> y(x.size());
    isa_.ops->norm({x.data(), plan_[norm.weight].numbers.data(), static_cast<int>(x.size()), norm.epsilon, y.data()});
    return y;
  }
  void rotate(const plan::RopeStore& op, const std::optional<plan::Norm>& norm, float* x, int size) {
    if (norm) isa_.ops->norm({x, plan_[norm->weight].numbers.data(), size, norm->epsilon, x});
    const plan::Rope& rope = plan_[op.rope];
    std::vector<float> c, s;
    for (double f : rope.frequencies)
      c.push_back(static_cast<float>(std::cos(position_ * f))),
          s.push_back(static_cast<float>(std::sin(position_ * f)));
    isa_.ops->rotate({x, c.data(), s.data(), rope.dims, rope.pairing == plan::Rope::Pairing::halves});
  }
  std::vector<float> multiply(const plan::Slice& slice, const std::vector<float>& x) {
    const MatrixView m = view_of(plan_, slice);
    const FormatKernels& kernels = kernels_of(*m.format, isa_);
    const int cols = static_cast<int>(m.cols);
    std::vector<i8> codes(cols);
    std::vector<float> scales(cols / 32), y(m.rows);
    std::vector<i16> sums(cols / 16);
    isa_.ops->quantize(x.data(), cols, codes.data(), scales.data(), sums.data());
    for (int64_t r = 0; r < m.rows; r++) {
      const u8* row = m.data + r * m.row_bytes;
      const float scale = plan_[slice].scale;
      if (kernels.reads_codes) {
        y[r] = kernels.plain(row, cols, codes.data(), scales.data()) * scale;
      } else {
        float out[gemv_max_tokens * gemv_max_rows];
        kernels.from_file({row, cols, 0, 1, {nullptr, nullptr, nullptr, x.data()}, 0, 1, scale, out});
        y[r] = out[0];
      }
    }
    return y;
  }

  const plan::Plan& plan_;
  const Isa& isa_;
  StatesLayout layout_;
  CpuStates states_;
  std::vector<int32_t> pages_;
  std::vector<std::vector<float>> values_;
  int32_t id_ = 0;
  int position_ = 0;
};

}  // namespace ingot::cpu
