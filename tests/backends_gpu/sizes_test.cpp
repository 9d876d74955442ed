// Sizes of plans on a device: a product that would wrap in 64 bits is the most there is, which no device has.
#include <gtest/gtest.h>

#include "base/checked.h"
#include "backends/gpu/cache.h"
#include "backends/gpu/program.h"
#include "backends/gpu/scratch.h"
#include "plans.h"

namespace ingot::gpu {
namespace {

TEST(Sizes, NothingWraps) {
  plan::Plan plan = plan_of(*quant::find_format("f16"), {});
  EXPECT_GT(plan::bound_of_bytes(plan), capped_sum(cache_bytes(plan), Scratch::bytes(plan)));
  plan.layers = 1024, plan.kv_heads = 65536, plan.head_size = 32, plan.context = INT32_MAX;  // 2 · 2^64 bytes
  EXPECT_EQ(cache_bytes(plan), max_size);
  EXPECT_EQ(plan_memory(plan).total(), max_size);
  EXPECT_EQ((MemoryPlan{max_size, max_size, max_size}.total()), max_size);
  EXPECT_EQ(plan::bound_of_bytes(plan), max_size);
  plan.hidden = 1 << 20, plan.ffn = 1 << 24, plan.vocab = INT32_MAX, plan.max_batch = INT32_MAX;
  EXPECT_GT(Scratch::bytes(plan), uint64_t{1} << 57);
}

}  // namespace
}  // namespace ingot::gpu
