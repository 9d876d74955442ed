#include "plan/plan.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <string_view>
#include <type_traits>

#include "ingot/error.h"
#include "plan/batch.h"

namespace ingot::plan {

namespace {

// One overload per op; a visitor that lacks one does not compile.
template <class... F> struct Overloaded : F... {
  using F::operator()...;
};

}  // namespace

std::vector<Slice> slices_of(const Op& op) {
  std::vector<Slice> slices;
  auto add = [&](const char*, const auto& leaf) {
    if constexpr (std::is_same_v<decltype(leaf), const Slice&>) slices.push_back(leaf);
  };
  std::visit([&](const auto& o) { each_leaf(o, add); }, op);
  return slices;
}

Id<Value> written_by(const Op& op) {
  Id<Value> first, to;
  auto look = [&](std::string_view name, const auto& leaf) {
    if constexpr (std::is_same_v<decltype(leaf), const Id<Value>&>) {
      if (!first) first = leaf;
      if (!to && name == "to") to = leaf;
    }
  };
  std::visit([&](const auto& o) { each_leaf(o, look); }, op);
  return to ? to : first;  // an op without one works in place
}

Id<Value> multiplied_by(const Op& op) {
  return std::visit(Overloaded{[](const Linear& o) { return o.from; }, [](const GatedLinear& o) { return o.from; },
                               [](const auto&) { return Id<Value>(); }},
                    op);
}

uint64_t file_bytes(const Plan& plan, const Slice& slice) {
  return capped_product(slice.rows, plan[slice].format->row_bytes(narrow<uint64_t>(slice.cols)));
}

std::string shape_text(const Plan& plan, const Step& step) {
  auto heads = [&](Id<State> state) { return plan[state].heads; };
  return std::visit(Overloaded{[&](const Embed& o) { return fmt::format("{} rows of {}", o.table.rows, o.table.cols); },
                               [&](const Linear& o) {
                                 std::vector<int64_t> rows;
                                 for (const Output& output : o.outputs) rows.push_back(output.weight.rows);
                                 return fmt::format("{} -> {}", plan[o.from].cols, fmt::join(rows, "+"));
                               },
                               [&](const GatedLinear& o) {
                                 return fmt::format("{} -> {}+{}", plan[o.from].cols, o.gate.rows, o.up.rows);
                               },
                               [&](const RopeStore& o) {
                                 return fmt::format("{}+{} heads of {}", heads(o.state).heads, heads(o.state).kv_heads,
                                                    heads(o.state).key_size);
                               },
                               [&](const Attend& o) {
                                 const HeadShape h = heads(o.state);
                                 return fmt::format("{} heads of {} over {}{}", h.heads, h.key_size, h.kv_heads,
                                                    o.window ? fmt::format(", window {}", o.window) : "");
                               },
                               [&](const NormAdd& o) { return fmt::format("{}", plan[o.to].cols); }},
                    step.op);
}

namespace {

// Checks one step; every message names it.
class Checker {
 public:
  Checker(const Plan& plan, const Step& step) : plan_(plan), step_(step) {}

  void operator()(const Embed& op) const {
    slice(op.table);
    columns(op.to, op.table.cols);
    demand(plan_[op.to].rows == Value::Rows::tokens, "an embedding has a row per token");
    demand(op.table.rows >= plan_.vocab(), "an embedding has fewer rows than there are logits");
  }
  void operator()(const Linear& op) const {
    value(op.from);
    norm(op.norm, plan_[op.from].cols);
    demand(!op.outputs.empty(), "a linear step has no output");
    for (const Output& output : op.outputs) {
      slice(output.weight);
      demand(output.weight.cols == plan_[op.from].cols, "a weight does not have its input's columns");
      columns(output.to, output.weight.rows);
      demand(output.to != op.from, "a step writes what it reads");
      demand(plan_[output.to].rows == plan_[op.outputs.front().to].rows, "outputs of one step have rows of two kinds");
      demand(plan_[op.from].rows == Value::Rows::tokens || plan_[output.to].rows == Value::Rows::outputs,
             "an output has more rows than its input");
      vector(output.bias, output.weight.rows);
    }
  }
  void operator()(const GatedLinear& op) const {
    value(op.from);
    norm(op.norm, plan_[op.from].cols);
    for (const Slice& s : {op.gate, op.up}) {
      slice(s);
      demand(s.cols == plan_[op.from].cols, "a weight does not have its input's columns");
      columns(op.to, s.rows);
    }
    demand(plan_[op.from].rows == plan_[op.to].rows, "a gated step changes the kind of rows");
    demand(op.to != op.from, "a step writes what it reads");
  }
  void operator()(const RopeStore& op) const {
    const HeadShape h = state(op.state);
    columns(op.query, capped_product(h.heads, h.key_size));
    columns(op.key, capped_product(h.kv_heads, h.key_size));
    columns(op.value, capped_product(h.kv_heads, h.value_size));
    demand(op.rope && op.rope.index < static_cast<int64_t>(plan_.ropes.size()), "a rope is not there");
    const Rope& rope = plan_[op.rope];
    demand(
        rope.dims % 2 == 0 && rope.dims <= h.key_size && rope.frequencies.size() == static_cast<size_t>(rope.dims) / 2,
        "a rope does not fit the heads");
    norm(op.query_norm, h.key_size), norm(op.key_norm, h.key_size);
    for (Id<Value> id : {op.query, op.key, op.value})
      demand(plan_[id].rows == Value::Rows::tokens, "queries, keys and values have a row per token");
  }
  void operator()(const Attend& op) const {
    const HeadShape h = state(op.state);
    columns(op.query, capped_product(h.heads, h.key_size));
    columns(op.to, capped_product(h.heads, h.value_size));
    for (Id<Value> id : {op.query, op.to})
      demand(plan_[id].rows == Value::Rows::tokens, "attention has a row per token");
    demand(op.window >= 0, "a window is negative");
    demand(op.to != op.query, "a step writes what it reads");
  }
  void operator()(const NormAdd& op) const {
    value(op.from);
    columns(op.to, plan_[op.from].cols);
    norm(op.norm, plan_[op.from].cols);
    demand(plan_[op.from].rows == plan_[op.to].rows, "a norm changes the kind of rows");
    demand(op.to != op.from, "a step writes what it reads");
  }

 private:
  void demand(bool holds, const char* what) const {
    if (!holds) throw Error("plan", fmt::format("step {} (layer {}): {}", step_.name, step_.layer, what));
  }
  void value(Id<Value> id) const {
    demand(id && id.index < static_cast<int64_t>(plan_.values.size()), "a value is not there");
  }
  template <class Number> void columns(Id<Value> id, Number cols) const {
    value(id);
    demand(std::cmp_equal(plan_[id].cols, cols) && cols > 0, "a value has other columns");
  }
  void vector(Id<Vector> id, int64_t size) const {
    if (!id) return;
    demand(id.index < static_cast<int64_t>(plan_.vectors.size()), "a vector is not there");
    demand(std::cmp_equal(plan_[id].numbers.size(), size), "a vector has another size");
  }
  void norm(const std::optional<Norm>& norm, int64_t size) const {
    if (!norm) return;
    demand(static_cast<bool>(norm->weight), "a norm has no weights");
    vector(norm->weight, size);
  }
  HeadShape state(Id<State> id) const {
    demand(id && id.index < static_cast<int64_t>(plan_.states.size()), "a state is not there");
    const HeadShape h = plan_[id].heads;
    demand(h.heads > 0 && h.kv_heads > 0 && h.heads % h.kv_heads == 0 && h.key_size > 0 && h.value_size > 0,
           "a state has heads that do not fit");
    return h;
  }
  void slice(const Slice& s) const {
    demand(s.weight && s.weight.index < static_cast<int64_t>(plan_.weights.size()), "a weight is not there");
    const Weight& w = plan_[s.weight];
    demand(w.format != nullptr, "a weight has no format");
    auto inside = [](int64_t first, int64_t n, int64_t all) {
      return first >= 0 && n > 0 && first <= all && n <= all - first;
    };
    demand(inside(s.first_row, s.rows, w.rows) && inside(s.first_col, s.cols, w.cols),
           "a slice reaches beyond its weight");
    demand(s.first_col % w.format->block == 0 && s.cols % w.format->block == 0, "a slice cuts through a block");
  }

  const Plan& plan_;
  const Step& step_;
};

}  // namespace

void check(const Plan& plan) {
  if (!plan.logits || plan.logits.index >= static_cast<int64_t>(plan.values.size()) ||
      plan[plan.logits].rows != Value::Rows::outputs)
    throw Error("plan", "there is no value of logits with a row per output");
  for (const Step& step : plan.steps) std::visit(Checker(plan, step), step.op);
  const Limits& l = plan.limits;
  if (l.context < 1 || l.max_rows < 1 || l.max_outputs < 1 || l.max_outputs > l.max_rows)
    throw Error("plan", "limits contradict each other",
                fmt::format("context {}, rows {}, outputs {}", l.context, l.max_rows, l.max_outputs));
}

uint64_t bound_of_bytes(const Plan& plan) {
  // At most 4 bytes for an element of a key or value, 8 for the angles of a pair, 16 for a value between steps and its
  // codes.
  constexpr int element_bytes = 4, angle_bytes = 8, value_bytes = 16, max_threads = 1024, max_splits = 64;
  const uint64_t positions = capped_product(pages_for(plan.limits.context), page_positions);
  uint64_t values = 0, angles = 0, elements = 0;
  for (const Value& value : plan.values) values = capped_sum(values, value.cols);
  for (const Rope& rope : plan.ropes) angles = capped_sum(angles, capped_product(positions, rope.dims, angle_bytes));
  for (const State& state : plan.states) {
    const HeadShape& h = state.heads;
    elements = capped_sum(elements, capped_product(h.kv_heads, h.key_size), capped_product(h.kv_heads, h.value_size));
  }
  return capped_sum(capped_product(elements, positions, element_bytes), angles,
                    capped_product(capped_sum(plan.limits.max_rows, plan.limits.max_outputs, max_threads, max_splits),
                                   values, value_bytes));
}

}  // namespace ingot::plan
