// The Metal device through its interface, on a Mac's GPU or on the double of the framework: copies, order, and what is
// said when something goes wrong. Which kernels compute what is tested elsewhere.
#include "backends/metal/device.h"

#include <gtest/gtest.h>

#include <numeric>

#include "backends/gpu/compose.h"
#include "backends/gpu/parameters.h"
#include "ingot/error.h"

namespace ingot::metal {
namespace {

// What the kernels below are given, as the host sees it.
struct Words {
  gpu::Address of;
  int32_t count, add;
};

constexpr const char* kernels = R"(
struct WordsParams { DEVICE i32* of; i32 count, add; };
struct WordsShared { i32 of[64]; };
struct times_three { typedef WordsParams Params; typedef WordsShared Shared; enum { threads = 64 };
  fn run(PARAMS(Params) p, SHARED Shared&, Thread me) -> void {
    int i = (int)(me.group * threads + me.index);
    if (i < p.count) p.of[i] = 3 * p.of[i] + p.add;
  }
};
struct reversed { typedef WordsParams Params; typedef WordsShared Shared; enum { threads = 64 };
  fn run(PARAMS(Params) p, SHARED Shared& shared, Thread me) -> void {
    shared.of[me.index] = p.of[me.group * threads + me.index];
    group_barrier();
    p.of[me.group * threads + me.index] = shared.of[threads - 1 - me.index];
  }
};
struct uneven { typedef WordsParams Params; typedef WordsShared Shared; enum { threads = 64 };
  fn run(PARAMS(Params) p, SHARED Shared&, Thread me) -> void { if (me.index < 32) group_barrier(); p.of[0] = 1; }
};
ENTRY(times_three, times_three)
ENTRY(reversed, reversed)
ENTRY(uneven, uneven)
)";

gpu::Source source_of(const std::string& text, std::vector<std::string> entries) {
  return {gpu::compose("metal", {}).text + "#line 1 \"test\"\n" + text, std::move(entries)};
}

class MetalDevice : public testing::Test {
 protected:
  void SetUp() override {
    if (!describe().available) GTEST_SKIP() << describe().description;
    device = open_device();
  }
  std::unique_ptr<gpu::Memory> words(const std::vector<int32_t>& values) {
    auto memory = device->allocate(values.size() * 4, "words");
    device->upload(*memory, 0, std::as_bytes(std::span(values)));
    return memory;
  }
  std::vector<int32_t> words_in(const gpu::Memory& memory) {
    std::vector<int32_t> values(memory.bytes() / 4);
    device->download(memory, 0, std::as_writable_bytes(std::span(values)));
    return values;
  }
  gpu::Launch launch(const gpu::Kernel& kernel, const gpu::Memory& memory, int32_t count, int32_t add) {
    return {&kernel, static_cast<uint32_t>((count + 63) / 64), 64, 256,
            gpu::by_value(Words{memory.address(), count, add})};
  }
  // The text of the error that `call` throws.
  template <class Call> std::string said_by(Call call) {
    try {
      call();
    } catch (const Error& e) {
      EXPECT_EQ(e.room(), "metal");
      return e.what();
    }
    return "nothing";
  }
  std::unique_ptr<gpu::Device> device;
};

TEST_F(MetalDevice, SaysWhatItIs) {
  EXPECT_FALSE(device->facts().name.empty());
  EXPECT_GT(device->facts().free_bytes, 0u);
  EXPECT_LE(device->facts().free_bytes, device->facts().memory_bytes);
  EXPECT_STREQ(device->dialect(), "metal");
  EXPECT_NE(describe().description.find(device->facts().name), std::string::npos);
}

TEST_F(MetalDevice, KeepsWhatIsCopied) {
  auto memory = words({1, 2, 3, 4, 5});
  EXPECT_EQ(memory->address() % 256, 0u);
  int32_t nine = 9;
  device->upload(*memory, 8, std::as_bytes(std::span(&nine, 1)));
  EXPECT_EQ(words_in(*memory), (std::vector<int32_t>{1, 2, 9, 4, 5}));
  EXPECT_NE(
      said_by([&] { device->upload(*memory, 20, std::as_bytes(std::span(&nine, 1))); }).find("exceeds its memory"),
      std::string::npos);
  EXPECT_NE(
      said_by([&] { device->upload(*memory, ~0ull, std::as_bytes(std::span(&nine, 1))); }).find("exceeds its memory"),
      std::string::npos);
  EXPECT_NE(
      said_by([&] { device->allocate(uint64_t(1) << 50, "the weights"); }).find("not enough memory for the weights"),
      std::string::npos);
}

TEST_F(MetalDevice, RunsLaunchesInTheirOrder) {
  auto kernels_of = device->compile(source_of(kernels, {"times_three", "reversed"}));
  std::vector<int32_t> values(1000);
  std::iota(values.begin(), values.end(), 0);
  auto memory = words(values);
  std::vector<gpu::Launch> launches;
  for (int i = 0; i < 8; i++) launches.push_back(launch(*kernels_of[0], *memory, 1000, i));
  auto sequence = device->record(launches);
  launches.clear();
  device->run(*sequence);
  device->run(*sequence);
  for (int run = 0; run < 2; run++)
    for (int i = 0; i < 8; i++)
      for (int32_t& v : values) v = static_cast<int32_t>(3u * static_cast<uint32_t>(v) + static_cast<uint32_t>(i));
  EXPECT_EQ(words_in(*memory), values);
}

TEST_F(MetalDevice, CopiesWaitForWhatWasRunBefore) {
  auto kernels_of = device->compile(source_of(kernels, {"times_three"}));
  auto memory = words(std::vector<int32_t>(64, 1));
  std::vector<gpu::Launch> launches = {launch(*kernels_of[0], *memory, 64, 0)};
  device->run(*device->record(launches));
  int32_t nine = 9;
  device->upload(*memory, 0, std::as_bytes(std::span(&nine, 1)));
  std::vector<int32_t> expected(64, 3);
  expected[0] = 9;
  EXPECT_EQ(words_in(*memory), expected);
}

TEST_F(MetalDevice, ThreadsOfAGroupMeet) {
  auto kernels_of = device->compile(source_of(kernels, {"reversed"}));
  std::vector<int32_t> values(128), reversed(128);
  std::iota(values.begin(), values.end(), 0);
  for (int i = 0; i < 128; i++) reversed[i] = i / 64 * 64 + 63 - i % 64;
  auto memory = words(values);
  std::vector<gpu::Launch> launches = {launch(*kernels_of[0], *memory, 128, 0)};
  device->run(*device->record(launches));
  EXPECT_EQ(words_in(*memory), reversed);
}

TEST_F(MetalDevice, MemoryMayGoWhileWorkIsUnderWay) {
  auto kernels_of = device->compile(source_of(kernels, {"times_three"}));
  auto memory = words(std::vector<int32_t>(64, 1));
  std::vector<gpu::Launch> launches = {launch(*kernels_of[0], *memory, 64, 0)};
  auto sequence = device->record(launches);
  kernels_of.clear();
  device->run(*sequence);
  sequence.reset();
  memory.reset();
  EXPECT_NO_THROW(device->wait());
}

TEST_F(MetalDevice, PassesOnTheCompilersLog) {
  std::string said =
      said_by([&] { device->compile(source_of("\n\nstatic inline int wrong() { return no_such_word; }\n", {})); });
  EXPECT_NE(said.find("do not compile"), std::string::npos) << said;
  EXPECT_NE(said.find("no_such_word"), std::string::npos) << said;
  EXPECT_NE(said.find("test:3"), std::string::npos) << said;
  EXPECT_NE(said_by([&] { device->compile(source_of(kernels, {"not_there"})); }).find("have no not_there"),
            std::string::npos);
}

TEST_F(MetalDevice, RefusesLaunchesThatItCannotTake) {
  auto kernels_of = device->compile(source_of(kernels, {"reversed"}));
  auto memory = words(std::vector<int32_t>(64));
  auto record = [&](auto change) {
    std::vector<gpu::Launch> launches = {launch(*kernels_of[0], *memory, 64, 0)};
    change(launches[0]);
    return said_by([&] { device->record(launches); });
  };
  EXPECT_EQ(record([](gpu::Launch&) {}), "nothing");
  EXPECT_NE(record([](gpu::Launch& l) { l.threads = 4096; }).find("reversed uses too many"), std::string::npos);
  EXPECT_NE(record([](gpu::Launch& l) { l.shared_bytes = 1 << 20; }).find("too much memory per group"),
            std::string::npos);
  EXPECT_NE(record([](gpu::Launch& l) { l.parameters.resize(5000); }).find("too many parameters"), std::string::npos);
}

TEST_F(MetalDevice, GivesMemoryBack) {
  uint64_t before = open_device()->facts().free_bytes;
  auto memory = device->allocate(64 << 20, "the weights");
  EXPECT_LT(open_device()->facts().free_bytes, before);
  memory.reset();
  EXPECT_EQ(open_device()->facts().free_bytes, before);
}

// A real GPU hangs on it.
TEST_F(MetalDevice, IsLostWhenAKernelGoesWrong) {
  if (!device->facts().emulated) GTEST_SKIP() << "only where the device is emulated";
  auto kernels_of = device->compile(source_of(kernels, {"uneven"}));
  auto memory = words(std::vector<int32_t>(64));
  std::vector<gpu::Launch> launches = {launch(*kernels_of[0], *memory, 64, 0)};
  auto sequence = device->record(launches);
  device->run(*sequence);
  EXPECT_NE(said_by([&] { device->wait(); }).find("a kernel faulted"), std::string::npos);
  EXPECT_NE(said_by([&] { device->run(*sequence); }).find("unusable after an earlier fault"), std::string::npos);
  EXPECT_NE(said_by([&] { words_in(*memory); }).find("start ingot again"), std::string::npos);
  memory.reset();
  EXPECT_NO_THROW(open_device());
}

}  // namespace
}  // namespace ingot::metal
