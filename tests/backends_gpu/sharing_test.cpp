// Several threads on one GPU: those that run a program and those that read and write its pages. The device notices when
// two of them are inside it at once.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "backends/gpu/program.h"
#include "fake_device.h"
#include "plans.h"

namespace ingot::gpu {
namespace {

// Counts who is inside. Whoever enters stays for a while, so that others come if they can.
struct Door {
  std::atomic<int> inside{0}, entered{0};
  std::atomic<bool> met{false};
  void pass() {
    entered++;
    if (inside++ > 0) met = true;
    for (int i = 0; i < 4; i++) std::this_thread::yield();
    inside--;
  }
};

TEST(Sharing, NoTwoThreadsAreInsideTheDeviceAtOnce) {
  constexpr int threads = 4, rounds = 4, positions = 70;
  Door door;
  FakeCounts counts;
  counts.entered = [&] { door.pass(); };
  {
    RandomPlan random(*quant::find_format("f32"),
                      {.hidden = 64, .ffn = 64, .vocab = 64, .context = 256, .max_rows = 8, .max_outputs = 4});
    GpuProgram program(std::make_unique<FakeDevice>(counts), random.plan, {});
    plan::StateStore& store = program.states();
    std::vector<std::thread> others;
    std::atomic<int> wrong{0};
    for (int t = 0; t < threads; t++)
      others.emplace_back([&, t] {
        const std::vector<int32_t> pages = {2 * t, 2 * t + 1}, tokens = {1, 2, 3};
        for (int round = 0; round < rounds; round++) {
          std::vector<std::byte> kept(store.saved_bytes(positions), std::byte(16 * t + round)), read;
          std::vector<float> logits(static_cast<size_t>(random.plan.vocab()));
          store.restore(pages, positions, kept);
          const plan::Sequence prompt{.pages = pages, .position = 60, .count = 3, .outputs = 1};
          program.run({tokens, {&prompt, 1}}, logits, {});
          const plan::Sequence token{.pages = pages, .position = 63, .count = 1, .outputs = 1};
          plan::Choice choice;
          program.choose({std::span(tokens).first(1), {&token, 1}}, {&choice, 1});
          store.copy(pages[0], 8 + t);
          store.save(pages, positions,
                     [&](std::span<const std::byte> piece) { read.insert(read.end(), piece.begin(), piece.end()); });
          wrong += read != kept;
          EXPECT_FALSE(store.overflow(pages, positions));
        }
      });
    for (std::thread& other : others) other.join();
    EXPECT_EQ(wrong, 0);
  }
  EXPECT_FALSE(door.met);
  EXPECT_GT(door.entered, threads * rounds * 10);
}

}  // namespace
}  // namespace ingot::gpu
