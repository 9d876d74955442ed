// Keys and values in pages: what is saved is what comes back, and nothing of another sequence.
#include "backends/cpu/states.h"

#include <gtest/gtest.h>

#include <cstring>

#include "backends/cpu/layout.h"
#include "backends_cpu/plan_builder.h"
#include "ingot/error.h"

namespace ingot::cpu {
namespace {

using tests::all_logits;
using tests::pages_from;
using tests::TestSequence;

tests::SmallShape shape_of(const char* kept) {
  tests::SmallShape shape;
  shape.heads = {.heads = 4, .kv_heads = 2, .key_size = 96, .value_size = 32};
  shape.formats = {"q8_0", "q4_0", "q8_0", "q5_0", "q4_1", "q4_0", "q8_0", "q5_1", "q8_0"};
  shape.limits = {
      .context = 256, .max_rows = 64, .max_outputs = 64, .state_format = quant::find_format(kept), .state_bytes = 0};
  return shape;
}

std::vector<std::byte> saved(const plan::StateStore& states, std::span<const int32_t> pages, int positions) {
  std::vector<std::byte> all;
  states.save(pages, positions,
              [&](std::span<const std::byte> piece) { all.insert(all.end(), piece.begin(), piece.end()); });
  return all;
}

class States : public testing::TestWithParam<const char*> {};

TEST_P(States, SavedAndRestoredElsewhereASequenceGoesOn) {
  const tests::SmallShape shape = shape_of(GetParam());
  tests::SmallModel model(shape);
  auto program = plan::cpu_backend().compile(model.plan, {.threads = 2}),
       other = plan::cpu_backend().compile(model.plan, {.threads = 1});
  for (int cut : {1, 40, 64, 65, 100, 128}) {
    TestSequence whole(140, shape.vocab, {0, 1, 2}), begun = whole, resumed = whole;
    begun.tokens.resize(cut);
    const std::vector<float> expected = all_logits(*program, shape.vocab, whole, 64);
    all_logits(*program, shape.vocab, begun, 64);
    const std::vector<std::byte> bytes = saved(program->states(), begun.pages, cut);
    ASSERT_EQ(bytes.size(), program->states().saved_bytes(cut));
    resumed.pages = {3, 1, 0}, resumed.position = cut;
    other->states().restore(resumed.pages, cut, bytes);
    const std::vector<float> rest = all_logits(*other, shape.vocab, resumed, 9);
    ASSERT_EQ(rest, std::vector<float>(expected.begin() + cut * shape.vocab, expected.end())) << cut;
    ASSERT_EQ(saved(other->states(), resumed.pages, cut), bytes) << cut;
  }
}

// The same sequence where another one's keys lie behind its last: the same bytes leave.
TEST_P(States, NothingOfAnotherSequenceIsSaved) {
  const tests::SmallShape shape = shape_of(GetParam());
  tests::SmallModel model(shape);
  auto program = plan::cpu_backend().compile(model.plan, {.threads = 1});
  TestSequence longer(200, shape.vocab, {0, 1, 2, 3}, 11), run(70, shape.vocab, {0, 1}), clean(70, shape.vocab, {4, 5});
  all_logits(*program, shape.vocab, longer, 64);
  all_logits(*program, shape.vocab, run, 64);
  all_logits(*program, shape.vocab, clean, 64);
  EXPECT_EQ(saved(program->states(), run.pages, 70), saved(program->states(), clean.pages, 70));
}

TEST_P(States, AreCountedWhenTheyAreWritten) {
  const tests::SmallShape shape = shape_of(GetParam());
  tests::SmallModel model(shape);
  model.plan.limits.state_bytes = 10 * plan::cpu_backend().choose(model.plan, {}).page_bytes + 1;
  auto program = plan::cpu_backend().compile(model.plan, {.threads = 1});
  plan::StateStore& states = program->states();
  EXPECT_EQ(states.pages(), 10);
  EXPECT_EQ(states.used_bytes(), 0u);
  TestSequence run(70, shape.vocab, {7, 2});
  all_logits(*program, shape.vocab, run, 64);
  EXPECT_EQ(states.used_bytes(), 2 * states.page_bytes());
  all_logits(*program, shape.vocab, run, 3);
  EXPECT_EQ(states.used_bytes(), 2 * states.page_bytes());
  states.copy(7, 8);
  EXPECT_EQ(states.used_bytes(), 3 * states.page_bytes());
  EXPECT_EQ(saved(states, pages_from(8, 1), 64), saved(states, run.pages, 64));
  states.restore(pages_from(4, 3), 129, saved(states, std::vector<int32_t>{7, 2, 2}, 129));
  EXPECT_EQ(states.used_bytes(), 6 * states.page_bytes());
}

TEST_P(States, RefuseWhatIsNotThere) {
  const tests::SmallShape shape = shape_of(GetParam());
  tests::SmallModel model(shape);
  auto program = plan::cpu_backend().compile(model.plan, {.threads = 1});
  plan::StateStore& states = program->states();
  const int32_t gone[] = {states.pages()}, negative[] = {-1}, sound[] = {0};
  const std::vector<std::byte> bytes(states.saved_bytes(64));
  EXPECT_THROW(saved(states, gone, 1), Error);
  EXPECT_THROW(saved(states, negative, 1), Error);
  EXPECT_THROW(saved(states, sound, 65), Error);
  EXPECT_THROW(saved(states, sound, -1), Error);
  EXPECT_THROW(states.restore(gone, 64, bytes), Error);
  EXPECT_THROW(states.restore(sound, 64, std::span(bytes).first(bytes.size() - 1)), Error);
  EXPECT_THROW(states.restore(sound, 65, bytes), Error);
  EXPECT_NO_THROW(states.restore(sound, 64, bytes));
  EXPECT_NO_THROW(states.restore({}, 0, {}));
  EXPECT_THROW(states.copy(0, states.pages()), Error);
  EXPECT_THROW(states.copy(-1, 0), Error);
  EXPECT_THROW(states.overflow(gone, 1), Error);
}

INSTANTIATE_TEST_SUITE_P(Kept, States, testing::Values("f16", "q8_0"), [](const auto& info) { return info.param; });

// A store says how it keeps keys and values: the size of a page as well, and the instruction set where rows depend on
// it.
TEST(StatesLayout, HasAName) {
  const Isa& isa = find_isa("");
  auto name = [&](const char* kept) { return StatesLayout(tests::SmallModel(shape_of(kept)).plan, isa).name(); };
  EXPECT_EQ(name("f16"), "f16, pages of 64 positions");
  EXPECT_EQ(name("q8_0"), std::string("q8_0 ") + isa.name + ", pages of 64 positions");
}

// Chunks of all pages and heads lie beside each other, none over another, and the last row of values may be read in
// whole vectors.
TEST(StatesLayout, ChunksDoNotOverlap) {
  for (auto [size, rows] : {std::pair{2, 64 * 2 + 14}, {26, 64 * 26 + 6}, {64, 64 * 64}}) {
    tests::SmallShape shape;
    shape.heads = {.heads = 4, .kv_heads = 2, .key_size = size, .value_size = size}, shape.formats[4] = "f16";
    const tests::SmallModel model(shape);
    const StatesLayout layout(model.plan, find_isa(""));
    const CpuStates states(layout, {5, 5});
    std::vector<std::pair<u8*, uint64_t>> chunks;
    for (const StatesLayout::Part& part : layout.parts())
      for (int head = 0; head < part.kv_heads; head++)
        for (int page = 0; page < 5; page++) {
          chunks.emplace_back(states.keys(part, head, page), part.key_bytes);
          chunks.emplace_back(states.values(part, head, page), part.value_bytes);
          EXPECT_GE(part.value_bytes, static_cast<uint64_t>(rows) * 2);
        }
    std::ranges::sort(chunks);
    for (size_t i = 1; i < chunks.size(); i++) ASSERT_LE(chunks[i - 1].first + chunks[i - 1].second, chunks[i].first);
    EXPECT_LE(chunks.back().first + chunks.back().second, chunks.front().first + 5 * layout.page_bytes());
  }
}

// Which layer's keys or values 16-bit floats cannot hold, among the positions that are asked about.
TEST(Overflow, NamesTheFirstLayer) {
  tests::SmallModel model(shape_of("f16"));
  model.plan.steps[8].layer = 1;
  const StatesLayout layout(model.plan, find_isa(""));
  for (bool in_keys : {true, false})
    for (size_t state : {0, 1}) {
      CpuStates states(layout, {1, 4});
      const StatesLayout::Part& part = layout.parts()[state];
      std::vector<float> key(part.key_size, 1.0f), value(part.value_size, 1.0f);
      (in_keys ? key : value)[7] = 1e6f;
      std::vector<u8> scratch(layout.store_bytes());
      layout.store(*find_isa("").ops, part, key.data(), value.data(), 5, states.keys(part, 1, 3),
                   states.values(part, 1, 3), scratch.data());
      const int32_t pages[] = {1, 3};
      EXPECT_FALSE(states.overflow(pages, 64 + 5));
      const std::optional<plan::Overflow> overflow = states.overflow(pages, 64 + 6);
      ASSERT_TRUE(overflow);
      EXPECT_EQ(overflow->layer, static_cast<int>(state));
      EXPECT_NE(overflow->advice.find("--kv"), std::string::npos);
      EXPECT_NE(overflow->range.find("65504"), std::string::npos);
    }
}

}  // namespace
}  // namespace ingot::cpu
