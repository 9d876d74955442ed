// Sizes of plans on a device: a product that would wrap in 64 bits is the most there is, which no device has.
#include <gtest/gtest.h>

#include "backends/gpu/program.h"
#include "base/checked.h"
#include "plans.h"

namespace ingot::gpu {
namespace {

TEST(Sizes, NothingWraps) {
  plan::Plan plan = plan_of(*quant::find_format("f16"), {});
  const MemoryPlan memory = plan_memory(plan);
  EXPECT_GT(plan::bound_of_bytes(plan), capped_sum(memory.sequence, memory.scratch));
  plan.states.assign(1024, {"", {.heads = 65536, .kv_heads = 65536, .key_size = 32, .value_size = 32}});
  plan.limits.context = INT32_MAX - 64;  // 2 · 2^64 bytes
  EXPECT_EQ(plan_memory(plan).sequence, max_size);
  EXPECT_EQ(plan_memory(plan).total(), max_size);
  EXPECT_EQ((MemoryPlan{.weights = max_size, .scratch = max_size, .sequence = max_size}.total()), max_size);
  EXPECT_EQ(plan::bound_of_bytes(plan), max_size);
  for (plan::Value& value : plan.values) value.cols = 1 << 24;
  plan.limits.max_rows = plan.limits.max_outputs = INT32_MAX;
  EXPECT_GT(Scratch::bytes(plan), uint64_t{1} << 57);
}

}  // namespace
}  // namespace ingot::gpu
