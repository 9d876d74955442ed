// Sessions in several threads on one GPU: a device that notices when two of them are inside it at once.
#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <thread>

#include "backends_cpu/planted.h"
#include "backends/gpu/program.h"

namespace ingot::gpu {
namespace {

// Counts who is inside. Whoever enters stays for a while, so that others come if they can.
struct Door {
  std::atomic<int> inside{0}, entered{0};
  std::atomic<bool> met{false};
};
class Inside {
 public:
  explicit Inside(Door& door) : door_(door) {
    door_.entered++;
    if (door_.inside++ > 0) door_.met = true;
    for (int i = 0; i < 10; i++) std::this_thread::yield();
  }
  ~Inside() { door_.inside--; }

 private:
  Door& door_;
};

// Memory without kernels: what a run would compute stays as it was.
struct FakeMemory : Memory {
  FakeMemory(Door& door, uint64_t bytes) : door(door), content(bytes + 255) {}
  ~FakeMemory() override { Inside inside(door); }
  Address address() const override { return (reinterpret_cast<Address>(content.data()) + 255) / 256 * 256; }
  uint64_t bytes() const override { return content.size() - 255; }
  Door& door;
  std::vector<std::byte> content;
};
struct FakeSequence : Sequence {
  explicit FakeSequence(Door& door) : door(door) {}
  ~FakeSequence() override { Inside inside(door); }
  Door& door;
};
class FakeDevice : public Device {
 public:
  explicit FakeDevice(Door& door) : door_(door) { facts_.free_bytes = uint64_t(1) << 30; }
  const Facts& facts() const override { return facts_; }
  const char* dialect() const override { return "cuda"; }
  std::unique_ptr<Memory> allocate(uint64_t bytes, const std::string&) override {
    Inside inside(door_);
    return std::make_unique<FakeMemory>(door_, bytes);
  }
  void upload(Memory& to, uint64_t at, std::span<const std::byte> from) override {
    Inside inside(door_);
    if (!from.empty()) std::memcpy(reinterpret_cast<void*>(to.address() + at), from.data(), from.size());
  }
  void download(const Memory& from, uint64_t at, std::span<std::byte> to) override {
    Inside inside(door_);
    if (!to.empty()) std::memcpy(to.data(), reinterpret_cast<const void*>(from.address() + at), to.size());
  }
  std::vector<std::unique_ptr<Kernel>> compile(const Source& source) override {
    Inside inside(door_);
    std::vector<std::unique_ptr<Kernel>> kernels;
    for (size_t i = 0; i < source.entries.size(); i++) kernels.push_back(std::make_unique<Kernel>());
    return kernels;
  }
  std::unique_ptr<Sequence> record(std::span<const Launch>) override {
    Inside inside(door_);
    return std::make_unique<FakeSequence>(door_);
  }
  void run(const Sequence&) override { Inside inside(door_); }
  void wait() override { Inside inside(door_); }

 private:
  Door& door_;
  Facts facts_;
};

TEST(Sharing, NoTwoSessionsAreInsideTheDeviceAtOnce) {
  constexpr int threads = 4, rounds = 10, positions = 8;
  Door door;
  {
    tests::PlannedModel model(tests::planned_shapes[0], *quant::find_format("f32"));
    GpuProgram program(std::make_unique<FakeDevice>(door), model.plan, {});
    std::vector<std::thread> sessions;
    std::atomic<int> wrong{0};
    for (int t = 0; t < threads; t++)
      sessions.emplace_back([&, t] {
        for (int round = 0; round < rounds; round++) {
          std::unique_ptr<plan::Cache> cache = program.make_cache();
          std::vector<std::byte> kept(cache->bytes(positions), std::byte(16 * t + round)), read;
          std::vector<float> logits(model.plan.vocab);
          cache->restore(positions, kept);
          program.run(*cache, std::vector<int32_t>{1, 2, 3}, 0, logits, {});
          program.run(*cache, std::vector<int32_t>{4}, 3, logits, {});
          program.best(*cache, 5, 4);
          cache->save(positions,
                      [&](std::span<const std::byte> piece) { read.insert(read.end(), piece.begin(), piece.end()); });
          wrong += read != kept;
          EXPECT_FALSE(cache->overflow(positions));
        }
      });
    for (std::thread& session : sessions) session.join();
    EXPECT_EQ(wrong, 0);
  }
  EXPECT_FALSE(door.met);
  EXPECT_GT(door.entered, threads * rounds * 20);
}

}  // namespace
}  // namespace ingot::gpu
