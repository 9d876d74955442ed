// A sequence's tokens and pages, and sessions that share the memory of a model.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "engine/fake_program.h"

namespace ingot::tests {
namespace {

using engine::Memory;
using engine::PagedSequence;
using Pages = std::vector<int32_t>;

std::vector<int32_t> text(int n, int32_t first = 3) {
  std::vector<int32_t> tokens;
  for (int i = 0; i < n; i++) tokens.push_back(first + i % 200);
  return tokens;
}
Pages pages_of(const PagedSequence& s) { return {s.pages().begin(), s.pages().end()}; }

class PagedSequenceTest : public testing::Test {
 protected:
  void run(PagedSequence& s, std::span<const int32_t> tokens) {
    s.demand(static_cast<int>(tokens.size()));
    for (size_t i = 0; i < tokens.size(); i++)
      states.cell(s.pages(), s.size() + static_cast<int>(i)) = static_cast<uint64_t>(tokens[i]);
    s.push(tokens);
  }
  /// Whether each position has what was written there.
  bool holds(const PagedSequence& s) const {
    for (int i = 0; i < s.size(); i++)
      if (states.cell(s.pages(), i) != static_cast<uint64_t>(s.tokens()[i])) return false;
    return true;
  }
  FakeStates states{6};
  Memory memory{states, 6};
};

TEST_F(PagedSequenceTest, TakesPagesAsPositionsAreUsed) {
  PagedSequence s(memory, 384);
  run(s, text(64));
  EXPECT_EQ(pages_of(s), Pages{0});
  run(s, text(1));
  EXPECT_EQ(pages_of(s), (Pages{0, 1}));
  run(s, text(200));
  EXPECT_EQ(s.size(), 265);
  EXPECT_EQ(memory.pool().free_pages(), 1);
  s.truncate(64);
  EXPECT_EQ(pages_of(s), Pages{0});
  s.truncate(0);
  EXPECT_EQ(memory.pool().free_pages(), 6);
}

TEST_F(PagedSequenceTest, GivesItsPagesBackAtItsEnd) {
  {
    PagedSequence s(memory, 384);
    run(s, text(100));
  }
  EXPECT_EQ(memory.pool().free_pages(), 6);
}

TEST_F(PagedSequenceTest, CopiesASharedPageBeforeItIsWritten) {
  PagedSequence a(memory, 384), b(memory, 384);
  run(a, text(150));
  a.keep_prefix();
  ASSERT_EQ(b.share_prefix(text(150)), 128);
  EXPECT_TRUE(holds(b));
  b.truncate(70);
  run(b, text(20, 100));
  EXPECT_EQ(b.pages()[0], a.pages()[0]);
  EXPECT_NE(b.pages()[1], a.pages()[1]);
  EXPECT_TRUE(holds(a) && holds(b));
  a.truncate(10);  // the cache has its first page
  run(a, text(10, 150));
  EXPECT_TRUE(holds(a) && holds(b));
  PagedSequence c(memory, 384);
  EXPECT_EQ(c.share_prefix(text(150)), 128);
  EXPECT_EQ(states.cell(c.pages(), 10), 13u);
}

TEST_F(PagedSequenceTest, WithoutAPageForACopyThePrefixGoes) {
  PagedSequence a(memory, 384);
  run(a, text(384));
  a.keep_prefix();
  a.truncate(330);
  ASSERT_EQ(memory.pool().free_pages(), 0);
  run(a, text(54, 9));
  EXPECT_TRUE(holds(a));
  EXPECT_EQ(memory.cached_pages(), 0);
}

TEST_F(PagedSequenceTest, PrefixesYieldPagesAndSequencesDoNot) {
  PagedSequence a(memory, 384), b(memory, 384);
  run(a, text(256));
  a.keep_prefix();
  a.truncate(0);
  EXPECT_EQ(memory.cached_pages(), 4);
  run(b, text(4 * 64));
  EXPECT_EQ(memory.cached_pages(), 2);
  EXPECT_FALSE(a.reserve(3 * 64)) << "two are to be had";
  EXPECT_EQ(memory.cached_pages(), 2) << "none was dropped in vain";
  EXPECT_FALSE(a.reserve(64, 2));
  EXPECT_TRUE(a.reserve(64, 1));
  EXPECT_EQ(a.size(), 0);
  try {
    a.demand(3 * 64);
    ADD_FAILURE();
  } catch (const Error& e) {
    EXPECT_EQ(e.room(), "memory");
    EXPECT_NE(std::string(e.what()).find("by 2 sequences"), std::string::npos) << e.what();
    EXPECT_NE(std::string(e.what()).find("--state-memory"), std::string::npos) << e.what();
  }
}

TEST_F(PagedSequenceTest, RestoresOverSharedPages) {
  PagedSequence a(memory, 384), b(memory, 384);
  run(a, text(128));
  a.keep_prefix();
  b.share_prefix(text(129));
  std::vector<uint64_t> saved(100);
  for (int i = 0; i < 100; i++) saved[i] = 50u + i;
  b.restore(text(100, 50), std::as_bytes(std::span(saved)));
  EXPECT_TRUE(holds(a) && holds(b));
  EXPECT_EQ(b.size(), 100);
  EXPECT_THROW(b.restore(text(99), std::as_bytes(std::span(saved))), Error);
  EXPECT_TRUE(holds(b));
  PagedSequence c(memory, 384);
  run(c, text(2 * 64));
  std::vector<uint64_t> large(320);
  EXPECT_THROW(b.restore(text(320), std::as_bytes(std::span(large))), Error) << "no pages";
  EXPECT_EQ(b.size(), 100);
  EXPECT_TRUE(holds(b));
}

// ---- sessions

plan::Limits limits(int context) {
  return {.context = context, .max_rows = 16, .max_outputs = 4, .state_format = nullptr, .state_bytes = 0};
}

TEST(SessionMemory, ItsPagesComeAndGo) {
  FakeModel fake(limits(192), 5);
  const engine::PagePool& pool = fake.state->memory->pool();
  Session a(fake.model());
  a.append(text(100));
  EXPECT_EQ(pool.free_pages(), 3);
  {
    Session b(fake.model());
    b.append(text(192));
    EXPECT_EQ(pool.free_pages(), 0);
    EXPECT_THROW(a.append(text(30)), Error);
    EXPECT_EQ(a.size(), 100 + 16) << "the chunk that had room is kept";
    b.truncate(128);
    a.append(text(30));
  }
  EXPECT_EQ(pool.free_pages(), 2);
  a.truncate(0);
  EXPECT_EQ(pool.free_pages(), 5);
}

TEST(SessionMemory, WhatItSavedComesBack) {
  FakeModel fake(limits(192), 6);
  Session a(fake.model()), b(fake.model());
  a.append(text(150));
  std::string path = testing::TempDir() + "ingot_paged_XXXXXX";
  close(mkstemp(path.data()));
  a.save(path, "note");
  b.append(text(20, 60));
  EXPECT_EQ(b.load(path), "note");
  EXPECT_TRUE(std::ranges::equal(b.tokens(), a.tokens()));
  EXPECT_TRUE(std::ranges::equal(b.logits(), a.logits()));
  std::remove(path.c_str());
}

TEST(SessionMemory, OutputThatIsNotFiniteChangesNothing) {
  FakeModel fake(limits(192), 6);
  fake.program->poison = 200;
  Session a(fake.model());
  a.append(text(10));
  EXPECT_THROW(a.append(std::vector<int32_t>{200}), Error);
  EXPECT_EQ(a.size(), 10);
  fake.program->chooses = true;
  EXPECT_THROW(a.append_greedy(200), Error);
  EXPECT_EQ(a.size(), 10);
  EXPECT_TRUE(a.append_greedy(100).has_value());
  EXPECT_EQ(a.size(), 11);
  EXPECT_THROW(a.logits(), Error);
}

TEST(SessionMemory, AllLogitsAreThoseOfEachToken) {
  FakeModel fake(limits(192), 6);
  Session all(fake.model()), one(fake.model());
  const std::vector<int32_t> tokens = text(37);
  all.append_all_logits(tokens, [&](size_t i, std::span<const float> logits) {
    one.append(std::span(tokens).subspan(i, 1));
    ASSERT_TRUE(std::ranges::equal(logits, one.logits())) << i;
  });
  EXPECT_EQ(one.size(), 37);
  EXPECT_TRUE(std::ranges::equal(all.logits(), one.logits()));
}

TEST(SessionMemory, AnswersAreTheSameWhoeverChooses) {
  FakeModel fake(limits(192), 6);
  SamplingOptions greedy;
  greedy.temperature = 0;
  GenerateOptions options;
  options.max_tokens = 300, options.context_shift = true, options.keep = -1;
  std::vector<int32_t> tokens[2];
  for (bool chooses : {false, true}) {
    fake.program->chooses = chooses;
    Session session(fake.model());
    session.append(text(70));
    Sampler sampler(fake.model(), greedy);
    tokens[chooses] = generate(session, sampler, options).tokens;
    EXPECT_EQ(fake.program->chosen > 0, chooses);
  }
  EXPECT_GT(tokens[0].size(), 10u);
  EXPECT_EQ(tokens[0], tokens[1]);
}

}  // namespace
}  // namespace ingot::tests
