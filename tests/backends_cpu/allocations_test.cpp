// Running a program allocates nothing, whatever is in its batches. Operators new and delete of the whole test program
// count here.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <new>

#include "backends_cpu/plan_builder.h"

namespace {
std::atomic<int64_t> allocations{0};

void* allocate(size_t bytes, size_t alignment) {
  allocations++;
  void* p = std::aligned_alloc(alignment, (std::max<size_t>(bytes, 1) + alignment - 1) / alignment * alignment);
  if (!p) throw std::bad_alloc();
  return p;
}
}  // namespace

void* operator new(size_t bytes) { return allocate(bytes, alignof(std::max_align_t)); }
void* operator new(size_t bytes, std::align_val_t alignment) { return allocate(bytes, static_cast<size_t>(alignment)); }
void operator delete(void* p) noexcept { std::free(p); }
void operator delete(void* p, size_t) noexcept { std::free(p); }
void operator delete(void* p, std::align_val_t) noexcept { std::free(p); }
void operator delete(void* p, size_t, std::align_val_t) noexcept { std::free(p); }

namespace ingot::cpu {
namespace {

using tests::TestSequence;

TEST(Allocations, NoneInAHundredMixedSteps) {
  tests::SmallShape shape;
  shape.hidden = 64, shape.ffn = 96, shape.vocab = 50, shape.post_norms = true;
  shape.heads = {.heads = 6, .kv_heads = 2, .key_size = 32, .value_size = 32};
  shape.formats = {"q8_0", "q4_0", "q8_0", "q5_0", "q4_1", "q4_0", "q8_0", "q5_1", "q8_0"};
  shape.limits = {.context = 2048, .max_rows = 64, .max_outputs = 32, .state_format = nullptr, .state_bytes = 0};
  for (const char* kept : {"f16", "q8_0"}) {
    shape.limits.state_format = quant::find_format(kept);
    tests::SmallModel model(shape);
    auto program = plan::cpu_backend().compile(model.plan, {.threads = 3});
    TestSequence prompt(2000, shape.vocab, tests::pages_from(0, 32)),
        first(700, shape.vocab, tests::pages_from(32, 11)), second(150, shape.vocab, tests::pages_from(43, 3));
    std::vector<int32_t> tokens;
    std::vector<plan::Sequence> sequences;
    std::vector<float> logits(shape.limits.max_outputs * shape.vocab);
    tokens.reserve(shape.limits.max_rows), sequences.reserve(3);
    std::vector<double> seconds(model.plan.steps.size());
    const int64_t before = allocations;
    int outputs = 0;
    for (int i = 0; i < 100; i++) {
      tokens.clear(), sequences.clear(), outputs = 0;
      auto take = [&](TestSequence& run, int count, int wanted) {
        count = std::min(count, run.left()), wanted = std::min(wanted, count);
        if (count == 0) return;
        sequences.push_back(run.next(count, wanted));
        for (int k = 0; k < count; k++) tokens.push_back(run.tokens[run.position++]);
        outputs += wanted;
      };
      if (i % 4 != 3) take(prompt, i % 4 == 0 ? 40 : 17, i % 5);
      take(first, i % 7 ? 1 : 20, 1);
      if (i % 2) take(second, 1, 1);
      ASSERT_TRUE(program->run({.tokens = tokens, .sequences = sequences},
                               std::span(logits).first(static_cast<size_t>(outputs) * shape.vocab),
                               {.step_seconds = seconds, .stop = {}}));
    }
    EXPECT_EQ(allocations - before, 0) << kept;
    EXPECT_GT(prompt.position, 1500);
  }
}

}  // namespace
}  // namespace ingot::cpu
