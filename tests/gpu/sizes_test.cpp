// Sizes of plans on a device: a product that would wrap in 64 bits is the most there is, which no device has.
#include <gtest/gtest.h>

#include "base/checked.h"
#include "gpu/cache.h"
#include "gpu/program.h"
#include "gpu/scratch.h"
#include "plans.h"

namespace ingot::gpu {
namespace {

TEST(Sizes, NothingWraps) {
  backend::Plan plan = plan_of(*quant::find_format("f16"), {});
  EXPECT_GT(backend::bound_of_bytes(plan), capped_sum(cache_bytes(plan), Scratch::bytes(plan)));
  plan.layers = 1024, plan.kv_heads = 65536, plan.head_size = 32, plan.context = INT32_MAX;  // 2 · 2^64 bytes
  EXPECT_EQ(cache_bytes(plan), max_size);
  EXPECT_EQ(plan_memory(plan).total(), max_size);
  EXPECT_EQ((MemoryPlan{max_size, max_size, max_size}.total()), max_size);
  EXPECT_EQ(backend::bound_of_bytes(plan), max_size);
  plan.hidden = 1 << 20, plan.ffn = 1 << 24, plan.vocab = INT32_MAX, plan.max_batch = INT32_MAX;
  EXPECT_GT(Scratch::bytes(plan), uint64_t{1} << 57);
}

}  // namespace
}  // namespace ingot::gpu
