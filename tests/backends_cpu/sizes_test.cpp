// Plans whose sizes would wrap in 64 bits: nothing is computed small, and nothing is allocated.
#include <gtest/gtest.h>

#include "backends/cpu/memory.h"
#include "backends/cpu/workspace.h"
#include "base/checked.h"
#include "ingot/error.h"

namespace ingot::cpu {
namespace {

plan::Plan plan_of(int layers, int kv_heads, int head_size, int context, int max_rows) {
  plan::Plan plan;
  plan.values.push_back({.name = "residual", .cols = 32, .rows = plan::Value::Rows::tokens});
  plan.values.push_back({.name = "query", .cols = int64_t{kv_heads} * head_size, .rows = plan::Value::Rows::tokens});
  plan.values.push_back({.name = "logits", .cols = 100, .rows = plan::Value::Rows::outputs});
  plan.logits = {2};
  for (int i = 0; i < layers; i++)
    plan.states.push_back(
        {.name = "state",
         .heads = {.heads = kv_heads, .kv_heads = kv_heads, .key_size = head_size, .value_size = head_size}});
  plan.limits = {.context = context, .max_rows = max_rows, .max_outputs = 1, .state_format = nullptr, .state_bytes = 0};
  return plan;
}

const Isa& any_isa() { return *isas().begin[isas().count - 1]; }

TEST(Sizes, KeysAndValuesThatWrapToNothingAreRefused) {
  // 1024 layers · 65536 heads · 32 elements · 2^31 positions · 2 · 2 bytes = 2^64
  const plan::Plan plan = plan_of(1024, 65536, 32, INT32_MAX, 1);
  const StatesLayout layout(plan, any_isa());
  EXPECT_EQ(layout.page_bytes(), 64 * uint64_t{8589934592});
  const int pages = plan::pages_for(INT32_MAX);
  EXPECT_THROW(CpuStates(layout, {pages, pages}), Error);
  plan::Choices choices;
  choices.page_bytes = layout.page_bytes();
  EXPECT_THROW(pages_within(plan, choices, {.free_memory = uint64_t{1} << 40}), Error);
  EXPECT_EQ(plan::bound_of_bytes(plan), max_size);
  EXPECT_LT(plan::bound_of_bytes(plan_of(1024, 65536, 32, 4096, 1)), max_size);
}

TEST(Sizes, ScratchDoesNotWrap) {
  plan::Plan plan = plan_of(1, 65536, 1024, 1000, INT32_MAX);
  plan.values[0].cols = int64_t{1} << 40;
  const StatesLayout layout(plan, any_isa());
  EXPECT_GT(scratch_bytes(plan, layout, 1), uint64_t{1} << 59);
  EXPECT_EQ(plan::bound_of_bytes(plan), max_size);
  EXPECT_EQ(Workspace::bytes(INT64_MAX, INT64_MAX), max_size);
}

TEST(Sizes, TheBoundIsAboveWhatTheProcessorTakes) {
  for (int context : {64, 4096, 1 << 20}) {
    plan::Plan plan = plan_of(12, 8, 64, context, 512);
    for (int dims : {64, 32})
      plan.ropes.push_back({.pairing = plan::Rope::Pairing::halves,
                            .dims = dims,
                            .frequencies = std::vector<double>(32),
                            .magnitude = 1});
    const StatesLayout layout(plan, any_isa());
    const uint64_t pages = capped_product(layout.page_bytes(), plan::pages_for(context));
    EXPECT_GT(plan::bound_of_bytes(plan), capped_sum(pages, scratch_bytes(plan, layout, 64))) << context;
  }
}

}  // namespace
}  // namespace ingot::cpu
