// Pages of keys and values: where they lie, what is taken for them and when, and how they leave and come back.
#include "backends/gpu/pages.h"

#include <gtest/gtest.h>

#include "backends/gpu/program.h"
#include "fake_device.h"
#include "ingot/error.h"
#include "plans.h"

namespace ingot::gpu {
namespace {

PlanShape small(int layers = 2) {
  return {.hidden = 64,
          .head_size = 32,
          .layers = layers,
          .ffn = 64,
          .vocab = 64,
          .heads = 4,
          .kv_heads = 2,
          .context = 200,
          .max_rows = 8,
          .max_outputs = 8};
}

class Pages : public testing::Test {
 protected:
  explicit Pages(const char* kept = "f16")
      : plan(plan_of(kept)), device(std::make_unique<FakeDevice>(counts)), store(device, plan, 10) {}
  std::vector<std::byte> saved(std::span<const int32_t> pages, int positions) {
    std::vector<std::byte> all;
    store.save(pages, positions,
               [&](std::span<const std::byte> piece) { all.insert(all.end(), piece.begin(), piece.end()); });
    return all;
  }
  std::vector<std::byte> some_bytes(int positions) {
    std::vector<std::byte> bytes(store.saved_bytes(positions));
    for (size_t i = 0; i < bytes.size(); i++) bytes[i] = static_cast<std::byte>(i % 113);
    return bytes;
  }
  static plan::Plan plan_of(const char* kept) {
    PlanShape shape = small();
    shape.kept = quant::find_format(kept);
    return gpu::plan_of(*quant::find_format("f32"), shape);
  }
  FakeCounts counts;
  plan::Plan plan;
  SharedDevice device;
  PageStore store;
};

TEST_F(Pages, TakeMemoryWhenTheyAreFirstUsed) {
  constexpr uint64_t page = 2 * 2 * 64 * (32 + 32) * 2;  // states, kv_heads, positions, elements, bytes
  EXPECT_EQ(store.page_bytes(), page);
  EXPECT_EQ(store.used_bytes(), 0u);
  EXPECT_EQ(counts.allocations, 0);
  const Address at = store.address(*device.use(), 5);
  EXPECT_EQ(store.used_bytes(), 4 * page);  // a slab is what a sequence of 200 positions needs
  EXPECT_EQ(store.address(*device.use(), 4), at - page);
  EXPECT_EQ(store.address(*device.use(), 5), at);
  EXPECT_EQ(counts.allocations, 1);
  store.address(*device.use(), 9);
  EXPECT_EQ(store.used_bytes(), 6 * page);  // the last slab has two pages
  EXPECT_THROW(store.address(*device.use(), 10), Error);
  EXPECT_THROW(store.address(*device.use(), -1), Error);
}

TEST_F(Pages, LeaveAndComeBackAnywhere) {
  const int32_t here[] = {7, 0}, there[] = {3, 9};
  for (int positions : {1, 63, 64, 65, 128}) {
    const std::vector<std::byte> bytes = some_bytes(positions);
    EXPECT_EQ(bytes.size(), static_cast<size_t>(positions) * 2 * 2 * (32 + 32) * 2);
    store.restore(here, positions, bytes);
    EXPECT_EQ(saved(here, positions), bytes);
    store.restore(there, positions, saved(here, positions));
    EXPECT_EQ(saved(there, positions), bytes);
  }
  EXPECT_THROW(store.restore(here, 65, some_bytes(64)), Error);
  EXPECT_THROW(store.restore(std::span(here).first(1), 65, some_bytes(65)), Error);
}

TEST_F(Pages, AreCopied) {
  const int32_t from[] = {1}, to[] = {8};
  store.restore(from, 64, some_bytes(64));
  store.copy(1, 8);
  EXPECT_EQ(saved(to, 64), some_bytes(64));
}

TEST_F(Pages, ThatWereNeverWrittenCannotBeRead) {
  const int32_t pages[] = {2};
  EXPECT_THROW(saved(pages, 1), Error);
  EXPECT_THROW((void)store.overflow(pages, 1), Error);
  EXPECT_EQ(store.used_bytes(), 0u);
}

// Bits of IEEE halves: an infinity is a number that was too large, NaN has come from before. Of positions past the last
// nothing is said.
TEST_F(Pages, SayWhatOverflowed) {
  const int32_t pages[] = {4, 6};
  auto with = [&](size_t half, uint16_t bits) {
    std::vector<std::byte> bytes(store.saved_bytes(66));
    std::memcpy(bytes.data() + half * 2, &bits, 2);
    store.restore(pages, 66, bytes);
  };
  with(0, 0x3c00);
  EXPECT_FALSE(store.overflow(pages, 66));
  with(0, 0x7c00);
  EXPECT_EQ(store.overflow(pages, 66)->layer, 0);
  with(2 * 64 * 64 + 5, 0xfc00);  // behind keys and values of the first layer in the first page
  EXPECT_EQ(store.overflow(pages, 66)->layer, 1);
  with(store.saved_bytes(66) / 2 - 1, 0x7c00);  // the last value of the last position
  EXPECT_EQ(store.overflow(pages, 66)->layer, 1);
  EXPECT_FALSE(store.overflow(pages, 65));
  with(0, 0x7e00);
  EXPECT_FALSE(store.overflow(pages, 66));
}

// Positions are rows of tiles: a page that is not full leaves as the scales and the words of its own positions.
class CodedPages : public Pages {
 protected:
  CodedPages() : Pages("q8_0") {}
};

TEST_F(CodedPages, TakeWhatTheirTilesTake) {
  EXPECT_EQ(store.page_bytes(), 2u * 2 * 64 * (34 + 34));
  EXPECT_EQ(store.layout(), "q8_0 pages of 64");
  EXPECT_EQ(offsets_in_page(plan, {1}).keys, 2 * 64 * (34 + 34) / 2);
  EXPECT_EQ(offsets_in_page(plan, {1}).values, 2 * 64 * (34 + 34 + 34) / 2);
}

TEST_F(CodedPages, LeaveAndComeBackAnywhere) {
  const int32_t here[] = {7, 0}, there[] = {3, 9};
  for (int positions : {1, 31, 32, 33, 63, 64, 65, 100, 128}) {
    const std::vector<std::byte> bytes = some_bytes(positions);
    EXPECT_EQ(bytes.size(), static_cast<size_t>(positions) * 2 * 2 * (34 + 34));
    store.restore(here, positions, bytes);
    EXPECT_EQ(saved(here, positions), bytes);
    store.restore(there, positions, saved(here, positions));
    EXPECT_EQ(saved(there, positions), bytes);
  }
}

// What is saved of positions is theirs: nothing of those behind them.
TEST_F(CodedPages, SaveNothingOfOtherPositions) {
  const int32_t pages[] = {5};
  for (int positions : {1, 20, 32, 40, 63}) {
    store.restore(pages, 64, some_bytes(64));
    const std::vector<std::byte> all = saved(pages, positions);
    // Another page with the same positions, and zeros behind them.
    const int32_t other[] = {6};
    store.restore(other, positions, all);
    std::vector<std::byte> whole = saved(other, 64);
    store.restore(other, 64, whole);
    EXPECT_EQ(saved(other, positions), all);
    const auto zeros = static_cast<size_t>(std::ranges::count(whole, std::byte{0}));
    EXPECT_GE(zeros, static_cast<size_t>(64 - positions) * 2 * 2 * (34 + 34)) << positions;
  }
}

// A scale that makes codes larger than halves, or is none.
TEST_F(CodedPages, SayWhatOverflowed) {
  const int32_t pages[] = {4};
  auto with = [&](size_t at, uint16_t bits) {
    std::vector<std::byte> bytes(store.saved_bytes(40));
    std::memcpy(bytes.data() + at, &bits, 2);
    store.restore(pages, 40, bytes);
    return store.overflow(pages, 40);
  };
  EXPECT_FALSE(with(2 * 7, 0x5fff));         // 511.75 · 127
  EXPECT_EQ(with(2 * 7, 0x6080)->layer, 0);  // 576 · 127
  EXPECT_EQ(with(2 * 7, 0x7c00)->layer, 0);
  EXPECT_FALSE(with(2 * 7, 0x7e00));
  EXPECT_FALSE(with(32 * 2 + 5, 0x7c7c));                 // codes of the first tile
  EXPECT_EQ(with(2 * 40 * (34 + 34), 0x7c00)->layer, 1);  // of the second layer's first tile
  EXPECT_EQ(with(32 * 34 + 2 * 3, 0x7c00)->layer, 0);     // of the second tile of the first head
}

TEST(PageCount, IsWhatIsGivenOrWhatIsLeft) {
  plan::Plan plan = plan_of(*quant::find_format("f32"), small());
  const MemoryPlan memory = plan_memory(plan);
  EXPECT_EQ(memory.sequence, 4 * memory.page);
  Facts facts;
  facts.free_bytes = memory.weights + memory.scratch + 100 * memory.page;
  const uint64_t reserve = facts.free_bytes / 16;
  EXPECT_EQ(plan_pages(plan, facts), static_cast<int>((100 * memory.page - reserve) / memory.page));
  plan.limits.state_bytes = 7 * memory.page + 1;
  EXPECT_EQ(plan_pages(plan, facts), 7);
  plan.limits.state_bytes = 4 * memory.page - 1;
  EXPECT_THROW(plan_pages(plan, facts), Error);
  plan.limits.state_bytes = 101 * memory.page;
  EXPECT_THROW(plan_pages(plan, facts), Error);
  plan.limits.state_bytes = 0;
  facts.free_bytes = memory.total();  // the reserve gives way to a sequence of full length
  EXPECT_EQ(plan_pages(plan, facts), 4);
  facts.free_bytes--;
  EXPECT_THROW(plan_pages(plan, facts), Error);
}

}  // namespace
}  // namespace ingot::gpu
