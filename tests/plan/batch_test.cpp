// What of a batch is refused before anything runs.
#include "plan/batch.h"

#include <gtest/gtest.h>

#include <climits>
#include <functional>
#include <string>
#include <vector>

#include "ingot/error.h"
#include "plan/plan.h"

namespace ingot::plan {
namespace {

constexpr int vocab = 50, pages = 10;

Plan small_plan() {
  Plan plan;
  plan.values.push_back({.name = "logits", .cols = vocab, .rows = Value::Rows::outputs});
  plan.logits = {0};
  plan.limits.context = 256, plan.limits.max_rows = 8, plan.limits.max_outputs = 4;
  return plan;
}

/// A prompt of 5 tokens at position 62, over two pages, and single tokens of two sequences that share their first page.
struct Parts {
  std::vector<int32_t> tokens = {0, 1, 2, 3, 49, 7, 8};
  std::vector<int32_t> prompt = {4, 9}, first = {0, 1}, second = {0, 2, 3};
  std::vector<Sequence> sequences;
  Parts() {
    sequences.push_back({.pages = prompt, .position = 62, .count = 5, .outputs = 1});
    sequences.push_back({.pages = first, .position = 64, .count = 1, .outputs = 1});
    sequences.push_back({.pages = second, .position = 127, .count = 1, .outputs = 0});
  }
  Batch batch() const { return {.tokens = tokens, .sequences = sequences}; }
};

TEST(Batch, ASoundOneIsTaken) {
  const Plan plan = small_plan();
  Parts parts;
  EXPECT_NO_THROW(check(plan, parts.batch(), pages));
  EXPECT_EQ(parts.batch().outputs(), 2);
  parts.second[2] = 9;  // beyond its positions: not looked at
  EXPECT_NO_THROW(check(plan, parts.batch(), pages));
}

TEST(Batch, RefusedWithTheCause) {
  struct Case {
    const char* said;
    std::function<void(Parts&)> spoil;
  };
  const Case cases[] = {
      {"no sequence", [](Parts& p) { p.sequences.clear(), p.tokens.clear(); }},
      {"tokens are not those of its sequences; got 6; expected 7", [](Parts& p) { p.tokens.pop_back(); }},
      {"tokens are not those of its sequences", [](Parts& p) { p.tokens.push_back(1); }},
      {"too many tokens; got 9; expected at most 8", [](Parts& p) { p.tokens.resize(9), p.sequences[0].count = 7; }},
      {"logits of too many tokens; got 5", [](Parts& p) { p.sequences[0].outputs = 4; }},
      {"sequence 1 of the batch has no token", [](Parts& p) { p.sequences[1].count = 0; }},
      {"sequence 0 of the batch has no token", [](Parts& p) { p.sequences[0].count = -1; }},
      {"sequence 1 of the batch has more outputs", [](Parts& p) { p.sequences[1].outputs = 2; }},
      {"fewer than none", [](Parts& p) { p.sequences[2].outputs = -1; }},
      {"negative position", [](Parts& p) { p.sequences[0].position = -1; }},
      {"plan's context; got 257; expected at most 256", [](Parts& p) { p.sequences[2].position = 256; }},
      {"plan's context", [](Parts& p) { p.sequences[2].position = INT_MAX; }},
      {"plan's context", [](Parts& p) { p.sequences[0].count = INT_MAX; }},
      {"sequence 1 of the batch has too few pages; got 1; expected 2",
       [](Parts& p) { p.sequences[1].pages = std::span(p.first).first(1); }},
      {"page that is not there; got 10; expected 0 to 9", [](Parts& p) { p.second[1] = pages; }},
      {"page that is not there; got -1", [](Parts& p) { p.second[0] = -1; }},
      {"token is not in the vocabulary; got 50; expected 0 to 49", [](Parts& p) { p.tokens[6] = vocab; }},
      {"token is not in the vocabulary; got -1", [](Parts& p) { p.tokens[0] = -1; }},
      {"sequence 2 of the batch writes a page that is used 2 times; got 1",
       [](Parts& p) { p.second[1] = p.first[0] = 1, p.first[1] = 5; }},
      {"sequence 1 of the batch writes a page that is used 2 times; got 0",
       [](Parts& p) {
         p.first = {3, 0};
       }},
      {"sequence 0 of the batch writes a page that is used 2 times; got 4", [](Parts& p) { p.prompt[1] = 4; }},
  };
  const Plan plan = small_plan();
  for (const Case& c : cases) {
    Parts parts;
    c.spoil(parts);
    try {
      check(plan, parts.batch(), pages);
      ADD_FAILURE() << "not refused: " << c.said;
    } catch (const Error& e) {
      EXPECT_EQ(e.room(), "plan");
      EXPECT_NE(std::string(e.what()).find(c.said), std::string::npos) << e.what() << "\n  lacks: " << c.said;
    }
  }
}

}  // namespace
}  // namespace ingot::plan
