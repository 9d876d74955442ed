// Plans whose sizes would wrap in 64 bits: nothing is computed small, and nothing is allocated.
#include <gtest/gtest.h>

#include "backends/cpu/program.h"
#include "base/checked.h"
#include "ingot/error.h"

namespace ingot::cpu {
namespace {

plan::Plan plan_of(int layers, int kv_heads, int head_size, int context, int max_batch) {
  plan::Plan plan;
  plan.layers = layers, plan.heads = plan.kv_heads = kv_heads, plan.head_size = head_size, plan.context = context, plan.max_batch = max_batch;
  plan.hidden = 32, plan.ffn = 32, plan.vocab = 100;
  plan::Step embed;
  embed.segments = {{{"embedding", quant::find_format("f32"), 100, 32, nullptr, 1}, {}, plan::Buffer::residual}};
  plan.steps = {embed};
  return plan;
}

TEST(Sizes, AKeyValueCacheThatWrapsToNothingIsRefused) {
  // 1024 layers · 65536 heads · 32 elements · 2^31 positions · 2 · 2 bytes = 2^64
  const plan::Plan plan = plan_of(1024, 65536, 32, INT32_MAX, 1);
  const CacheLayout layout(plan, *isas().begin[isas().count - 1]);
  EXPECT_EQ(layout.bytes_per_token(), uint64_t{8589934592});
  EXPECT_THROW(CpuCache(plan, layout), Error);
  EXPECT_EQ(plan::bound_of_bytes(plan), max_size);
  EXPECT_LT(plan::bound_of_bytes(plan_of(1024, 65536, 32, 4096, 1)), max_size);
}

TEST(Sizes, ScratchDoesNotWrap) {
  plan::Plan plan = plan_of(1, 65536, 1024, 1000, INT32_MAX);
  plan.hidden = 1 << 20, plan.ffn = 1 << 24, plan.vocab = INT32_MAX;
  EXPECT_GT(scratch_bytes(plan, 1), uint64_t{1} << 59);
  EXPECT_EQ(plan::bound_of_bytes(plan), max_size);
  EXPECT_EQ(ActivationRoom::bytes(INT64_MAX, INT64_MAX), max_size);
}

TEST(Sizes, TheBoundIsAboveWhatTheProcessorTakes) {
  for (int context : {64, 4096, 1 << 20}) {
    plan::Plan plan = plan_of(12, 8, 64, context, 512);
    for (int dims : {64, 32}) plan.ropes.push_back({plan::Pairing::halves, dims, std::vector<double>(32), 1});
    const CacheLayout layout(plan, *isas().begin[isas().count - 1]);
    EXPECT_GT(plan::bound_of_bytes(plan), capped_sum(capped_product(layout.bytes_per_token(), context), scratch_bytes(plan, 64))) << context;
  }
}

}  // namespace
}  // namespace ingot::cpu
