// Once every size of a batch was there, running batches compiles nothing, records nothing and allocates nothing, on the
// device or here.
#include <gtest/gtest.h>

#include <cstdlib>
#include <new>
#include <random>

#include "backends/gpu/program.h"
#include "fake_device.h"
#include "ingot/error.h"
#include "plans.h"

namespace {
thread_local int64_t allocations = 0;
}
// Not inlined, where compilers miss that the two go together.
[[gnu::noinline]] void* operator new(size_t bytes) {
  allocations++;
  if (void* at = std::malloc(bytes)) return at;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* at) noexcept { std::free(at); }
[[gnu::noinline]] void operator delete(void* at, size_t) noexcept { std::free(at); }

namespace ingot::gpu {
namespace {

constexpr int context = 256, max_rows = 24, max_outputs = 10, sequences = 12, pages_per_sequence = context / 64;

class Steady : public testing::Test {
 protected:
  Steady()
      : random_plan(*quant::find_format("q8_0"), {.hidden = 64,
                                                  .head_size = 32,
                                                  .ffn = 64,
                                                  .vocab = 64,
                                                  .context = context,
                                                  .max_rows = max_rows,
                                                  .max_outputs = max_outputs}),
        program(std::make_unique<FakeDevice>(counts), random_plan.plan, {}) {
    for (int32_t i = 0; i < sequences * pages_per_sequence; i++) pages.push_back(i);
    logits.resize(static_cast<size_t>(max_outputs * random_plan.plan.vocab()));
    tokens.resize(max_rows, 1);
    batch.reserve(sequences);
  }
  // A sequence's pages are its own; a batch has each at most once.
  void add(int sequence, int position, int count, int outputs) {
    const auto own = std::span(pages).subspan(static_cast<size_t>(sequence * pages_per_sequence), pages_per_sequence);
    batch.push_back({.pages = own, .position = position, .count = count, .outputs = outputs});
  }
  plan::Batch all() const {
    int rows = 0;
    for (const plan::Sequence& s : batch) rows += s.count;
    return {std::span(tokens).first(static_cast<size_t>(rows)), batch};
  }
  void run() {
    program.run(all(), std::span(logits).first(static_cast<size_t>(all().outputs() * random_plan.plan.vocab())), {});
  }
  void choose() { program.choose(all(), std::span(choices).first(static_cast<size_t>(all().outputs()))); }

  FakeCounts counts;
  RandomPlan random_plan;
  GpuProgram program;
  std::vector<int32_t> pages, tokens;
  std::vector<plan::Sequence> batch;
  std::vector<float> logits;
  plan::Choice choices[max_outputs];
};

// Single tokens and prompts of any number of sequences.
TEST_F(Steady, MixedStepsTakeNothing) {
  std::mt19937 random(1);
  auto step = [&] {
    batch.clear();
    int rows = 0, outputs = 0;
    const int count = 1 + static_cast<int>(random() % sequences);
    for (int s = 0; s < count && rows < max_rows; s++) {
      const int left = max_rows - rows, n = random() % 3 ? 1 : 1 + static_cast<int>(random() % std::min(9, left));
      const int wanted = outputs < max_outputs && random() % 4 ? 1 : 0;
      add(s, static_cast<int>(random() % (context - 16)), n, wanted);
      rows += n, outputs += wanted;
    }
    random() % 2 ? run() : choose();
  };
  for (int i = 0; i < 1000; i++) step();
  const int compiled = counts.compilations, recorded = counts.recordings, allocated = counts.allocations;
  EXPECT_GT(recorded, 10);
  const int64_t before = allocations;
  for (int i = 0; i < 100; i++) step();
  EXPECT_EQ(counts.compilations, compiled);
  EXPECT_EQ(counts.recordings, recorded);
  EXPECT_EQ(counts.allocations, allocated);
  EXPECT_EQ(allocations, before);
}

TEST_F(Steady, EveryPowerOfTwoIsRecordedOnce) {
  for (int rows = 2; rows <= sequences; rows++) {
    batch.clear();
    for (int s = 0; s < std::min(rows, max_outputs); s++) add(s, 10, 1, 1);
    run();
  }
  EXPECT_EQ(counts.recordings, 2 * 4);  // rows: 2, 4, 8, 16; outputs: 2, 4, 8, 10
}

// One token, then the ones that the device chose: one run and nothing copied, but for a page when the sequence reaches
// it.
TEST_F(Steady, NothingIsCopiedForChosenTokens) {
  add(3, 60, 1, 1);
  choose();
  for (int position = 61; position < 130; position++) {
    const int runs = counts.runs, uploads = counts.uploads;
    batch[0].position = position, tokens[0] = choices[0].id;
    choose();
    EXPECT_EQ(counts.runs, runs + 1);
    EXPECT_EQ(counts.uploads, uploads + (position % 64 == 0)) << position;
  }
  const int uploads = counts.uploads;
  batch[0].position = 130, tokens[0] = choices[0].id ^ 1;  // another one
  choose();
  EXPECT_EQ(counts.uploads, uploads + 1);
}

// The same of several sequences, whose tokens lie in the order of the choices.
TEST_F(Steady, NothingIsCopiedForTheChosenTokensOfSeveral) {
  for (int s = 0; s < 3; s++) add(s, 20 + s, 1, 1);
  choose();
  const int uploads = counts.uploads;
  for (int i = 0; i < 5; i++) {
    for (int s = 0; s < 3; s++)
      batch[static_cast<size_t>(s)].position++, tokens[static_cast<size_t>(s)] = choices[s].id;
    choose();
  }
  EXPECT_EQ(counts.uploads, uploads);
}

TEST_F(Steady, BatchesAndSpansThatDoNotFitAreRefused) {
  add(0, 0, 1, 1);
  EXPECT_THROW(program.run(all(), std::span(logits).first(3), {}), Error);
  EXPECT_THROW(program.choose(all(), {}), Error);
  EXPECT_THROW(program.run(all(), std::span(logits).first(size_t(all().outputs() * random_plan.plan.vocab())),
                           {.inputs = [](const plan::Inputs&) {}}),
               Error);
  batch[0].position = context;
  EXPECT_THROW(run(), Error);
  EXPECT_EQ(counts.runs, 0);
}

TEST_F(Steady, AStopIsAskedForBeforeARun) {
  add(0, 0, 1, 1);
  EXPECT_FALSE(program.run(all(), std::span(logits).first(64), {.stop = [] { return true; }}));
  EXPECT_EQ(counts.runs, 0);
}

}  // namespace
}  // namespace ingot::gpu
