// Requests beside each other are as if each were alone: random schedules on a model without weights.
#include "engine/schedules.h"

#include <gtest/gtest.h>

#include "engine/fake_program.h"

namespace ingot::tests {
namespace {

TEST(Schedules, NeighboursChangeNothing) {
  Seen seen;
  for (uint32_t seed = 1; seed <= 240 && !testing::Test::HasFailure(); seed++) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    std::mt19937 random(seed);
    const int context = 100 + static_cast<int>(random() % 400), outputs = 2 + static_cast<int>(random() % 8);
    const plan::Limits limits{.context = context,
                              .max_rows = outputs + static_cast<int>(random() % 60),
                              .max_outputs = outputs,
                              .state_format = nullptr,
                              .state_bytes = 0};
    FakeModel fake(limits, plan::pages_for(context) * 4);
    fake.program->chooses = seed % 3 != 0;
    Schedules schedules(fake.state, seed);
    schedules.watch = [&](const engine::Memory* memory) { fake.program->memory = memory; };
    schedules.run(8 + static_cast<int>(seed % 5), seen);
  }
  EXPECT_GT(seen.requests, 8 * 200);
  EXPECT_GT(seen.cancelled, 50);
  EXPECT_GT(seen.shifts, 100);
  EXPECT_GT(seen.preemptions, 200u);
  EXPECT_GT(seen.prefix_tokens, 10000u);
}

}  // namespace
}  // namespace ingot::tests
