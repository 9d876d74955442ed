#include "backends/cpu/workspace.h"

#include <algorithm>

#include "backends/cpu/attention.h"

namespace ingot::cpu {

void Workspace::size(int64_t rows, int64_t cols) {
  const uint64_t all = capped_product(rows, cols);
  codes.resize(all);
  scales.resize(all / 32);
  sums.resize(all / 16);
  values.resize(all);
}

uint64_t Workspace::bytes(int64_t rows, int64_t cols) {
  const uint64_t row = capped_sum(capped_product(cols, sizeof(i8) + sizeof(float)),
                                  capped_product(cols / 32, sizeof(float)), capped_product(cols / 16, sizeof(i16)));
  return capped_product(rows, row);
}

int64_t max_input_cols(const plan::Plan& plan) {
  int64_t cols = 0;
  for (const plan::Step& step : plan.steps)
    if (auto* linear = std::get_if<plan::Linear>(&step.op))
      cols = std::max(cols, plan[linear->from].cols);
    else if (auto* gated = std::get_if<plan::GatedLinear>(&step.op))
      cols = std::max(cols, plan[gated->from].cols);
    else if (auto* norm = std::get_if<plan::NormAdd>(&step.op))
      cols = std::max(cols, plan[norm->from].cols);
  return cols;
}

namespace {

/// What attention needs per worker at most, over the plan's states.
struct AttendSizes {
  int64_t records = 0, values = 0,
          queries = 0;  // cache lines of queries' records and of a tile's values; elements of queries
  explicit AttendSizes(const plan::Plan& plan, bool coded) {
    for (const plan::State& state : plan.states) {
      const AttendBlock block = attend_block(state.heads);
      const int64_t n = int64_t{block.heads} * block.tokens;
      records = std::max(records, n * record_floats(state.heads.value_size) / 16);
      if (!coded) continue;
      values = std::max(values, int64_t{attend_tile} * state.heads.value_size / 16);
      queries = std::max(queries, n * state.heads.key_size);
    }
  }
};

}  // namespace

void WorkerMemory::size(const plan::Plan& plan, const StatesLayout& states) {
  const AttendSizes sizes(plan, states.coded());
  input.size(1, max_input_cols(plan));
  stored.resize(states.store_bytes());
  run.resize(narrow<size_t>(sizes.records)), merged.resize(run.size()), values.resize(narrow<size_t>(sizes.values));
  queries.size(1, sizes.queries);
}

uint64_t WorkerMemory::bytes(const plan::Plan& plan, const StatesLayout& states) {
  const AttendSizes sizes(plan, states.coded());
  return capped_sum(Workspace::bytes(1, max_input_cols(plan)), states.store_bytes(),
                    capped_product(capped_sum(sizes.records, sizes.records, sizes.values), sizeof(Line)),
                    Workspace::bytes(1, sizes.queries));
}

uint64_t scratch_bytes(const plan::Plan& plan, const StatesLayout& states, int threads) {
  const plan::Limits& limits = plan.limits;
  uint64_t floats = 0, lists = 0, parts = 0, tables = 0;
  for (const plan::Value& value : plan.values) {
    const int rows = value.rows == plan::Value::Rows::tokens ? limits.max_rows : limits.max_outputs;
    if (&value != &plan[plan.logits]) floats = capped_sum(floats, capped_product(rows, value.cols));
  }
  for (const plan::Rope& rope : plan.ropes) floats = capped_sum(floats, capped_product(limits.max_rows, rope.dims));
  for (const plan::State& state : plan.states) {
    parts = std::max<uint64_t>(parts, AttentionWork::parts_floats(state.heads, limits, threads));
    lists = std::max(lists, AttentionWork::bytes(state.heads, limits, threads));
  }
  for (const plan::Step& step : plan.steps)
    if (auto* embed = std::get_if<plan::Embed>(&step.op))
      tables =
          capped_sum(tables, capped_product(limits.max_rows, plan::file_bytes(plan, embed->table) / embed->table.rows));
  return capped_sum(capped_product(capped_sum(floats, parts), sizeof(float)), lists, tables,
                    Workspace::bytes(limits.max_rows, max_input_cols(plan)),
                    capped_product(threads, WorkerMemory::bytes(plan, states)));
}

}  // namespace ingot::cpu
