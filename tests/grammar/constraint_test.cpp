// Token masks against asking every token alone, along random answers.
#include "grammar/constraint.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

#include "grammar/gbnf.h"
#include "grammar/json_schema.h"

namespace ingot::grammar {
namespace {

/// All bytes, pieces of JSON and of words, some twice, one too long, some that are no text, and two ends.
struct Pieces {
  std::vector<std::string> texts;
  std::vector<int32_t> ends;
  Pieces() {
    std::set<std::string> set;
    for (int b = 0; b < 256; b++) set.insert(std::string(1, static_cast<char>(b)));
    std::mt19937 random(3);
    const std::vector<std::string> parts{"\"",   "\":", ", ",    "{\"",  "}",  "]",        "[",        ": ",   "true",
                                         "null", "a",   "bc",    " the", "é",  "\xF0\x9F", "\x99\x82", "12",   "0",
                                         ".5",   "-",   "\\u00", "\\",   "\n", "  ",       "\n    ",   "aaaa", "x_y"};
    while (set.size() < 1500) {
      std::string text;
      for (size_t n = 1 + random() % 4; n > 0; n--) text += parts[random() % parts.size()];
      set.insert(text);
    }
    texts.assign(set.begin(), set.end());
    std::shuffle(texts.begin(), texts.end(), random);
    texts.push_back("a"), texts.push_back("");                       // twice, and none
    texts.push_back(std::string(VocabularyTrie::longest + 1, 'a'));  // too long
    ends = {5, static_cast<int32_t>(texts.size())};
    texts.push_back("<end>");
  }
};

std::shared_ptr<const Rules> from_schema(const std::string& text) {
  Budget budget;
  return std::make_shared<Rules>(parse_json_schema(text, budget));
}
std::shared_ptr<const Rules> from_gbnf(const std::string& text) {
  Budget budget;
  return std::make_shared<Rules>(parse_gbnf(text, budget));
}
bool has(std::span<const uint64_t> mask, size_t id) { return mask[id / 64] >> id % 64 & 1; }

/// Follows random answers and compares every mask with what every token alone says.
void compare(const std::shared_ptr<const Rules>& rules, unsigned seed) {
  const Pieces pieces;
  Constraint constraint(rules, std::make_shared<VocabularyTrie>(pieces.texts, pieces.ends));
  std::mt19937 random(seed);
  int masks = 0;
  for (int answer = 0; answer < 12; answer++) {
    constraint.reset();
    Matcher plain(rules);
    State state = plain.start();
    for (int n = 0; n < 40; n++, masks++) {
      const auto mask = constraint.allowed();
      ASSERT_EQ(mask.size(), (pieces.texts.size() + 63) / 64);
      std::vector<int32_t> possible;
      for (size_t id = 0; id < pieces.texts.size(); id++) {
        const bool is_eog = std::ranges::find(pieces.ends, static_cast<int32_t>(id)) != pieces.ends.end();
        const bool expected = is_eog
                                  ? plain.accepts(state)
                                  : !pieces.texts[id].empty() && pieces.texts[id].size() <= VocabularyTrie::longest &&
                                        plain.step(state, pieces.texts[id]) != dead;
        ASSERT_EQ(has(mask, id), expected)
            << "answer " << answer << ", token " << n << ": \"" << pieces.texts[id] << '"';
        if (expected && !is_eog) possible.push_back(static_cast<int32_t>(id));
      }
      ASSERT_EQ(constraint.may_end(), plain.accepts(state));
      if (possible.empty()) break;
      const int32_t id = possible[random() % possible.size()];
      constraint.accept(id);
      state = plain.step(state, pieces.texts[static_cast<size_t>(id)]);
    }
  }
  EXPECT_GT(masks, 12);
}

TEST(Constraint, MasksAreWhatEveryTokenAloneSays) {
  unsigned seed = 0;
  for (
      const char* schema :
      {"{}", R"({"type":"string","maxLength":7})", R"({"type":"string","minLength":3})",
       R"({"type":"integer","minimum":-3,"maximum":1200})",
       R"({"type":"array","items":{"type":"string"},"minItems":2,"maxItems":5})",
       R"({"type":"object","properties":{"aaaa":{"type":"number"},"x_y":{"enum":["a","bc",null]}},"required":["x_y"]})",
       R"({"type":"string","pattern":"^[a-c]{1,40}( [a-z]+)*$"})",
       R"({"$ref":"#/$defs/n","$defs":{"n":{"type":"array","items":{"$ref":"#/$defs/n"}}}})"})
    compare(from_schema(schema), ++seed);
  for (const char* grammar :
       {"root ::= [a-z ]* (\"\\\"\" [^\"]* \"\\\"\")* [ \\n]*", "root ::= (\"a\" | \"aa\" | \"bc\")* \".5\"",
        "root ::= . {0,300} \"x\"?", "root ::= \"(\" root \")\" | \"true\"+ | root2\nroot2 ::= \"[\" root \"]\""})
    compare(from_gbnf(grammar), ++seed);
}

TEST(Constraint, EndsOnlyWhereTheTextMayEnd) {
  const Pieces pieces;
  Constraint constraint(from_gbnf("root ::= \"a\" \"a\"?"),
                        std::make_shared<VocabularyTrie>(pieces.texts, pieces.ends));
  EXPECT_FALSE(constraint.may_end());
  EXPECT_THROW(constraint.accept(pieces.ends[0]), Error);
  const auto a = static_cast<int32_t>(std::ranges::find(pieces.texts, "a") - pieces.texts.begin());
  constraint.accept(a);
  EXPECT_TRUE(constraint.may_end());
  EXPECT_TRUE(has(constraint.allowed(), 5));
  EXPECT_TRUE(has(constraint.allowed(), static_cast<size_t>(a)));
  constraint.accept(a);
  EXPECT_THROW(constraint.accept(a), Error);  // and is where it was
  constraint.accept(pieces.ends[1]);
  EXPECT_TRUE(constraint.ended());
  for (int i = 0; i < 2; i++) {  // asked again: still only ends
    size_t n = 0;
    for (size_t id = 0; id < pieces.texts.size(); id++) n += has(constraint.allowed(), id);
    EXPECT_EQ(n, pieces.ends.size());
    constraint.accept(pieces.ends[0]);
  }
  EXPECT_THROW(constraint.accept(a), Error);
  constraint.reset();
  EXPECT_FALSE(constraint.may_end());
  EXPECT_TRUE(has(constraint.allowed(), static_cast<size_t>(a)));
}

TEST(Constraint, RefusesTokensThatAreNoneOrNoText) {
  const Pieces pieces;
  Constraint constraint(from_gbnf("root ::= .*"), std::make_shared<VocabularyTrie>(pieces.texts, pieces.ends));
  EXPECT_THROW(constraint.accept(-1), Error);
  EXPECT_THROW(constraint.accept(static_cast<int32_t>(pieces.texts.size())), Error);
  EXPECT_THROW(constraint.accept(static_cast<int32_t>(std::ranges::find(pieces.texts, "") - pieces.texts.begin())),
               Error);
  EXPECT_THROW(constraint.accept(static_cast<int32_t>(pieces.texts.size()) - 2), Error);  // the long one
}

TEST(Constraint, SaysSoWhereTheVocabularyCannotSpellIt) {
  Constraint constraint(
      from_gbnf("root ::= \"xyz\""),
      std::make_shared<VocabularyTrie>(std::vector<std::string>{"x", "z", ""}, std::vector<int32_t>{2}));
  constraint.accept(0);
  EXPECT_THROW(constraint.allowed(), Error);
}

TEST(Constraint, MemoryStaysBounded) {
  // Every repetition is a state of its own, and there are more of them than are kept.
  std::vector<std::string> pieces{"a", std::string(900, 'a'), ""};
  Constraint constraint(from_gbnf("root ::= \"a\"{0,2000000}"),
                        std::make_shared<VocabularyTrie>(pieces, std::vector<int32_t>{2}));
  size_t max = 0;
  for (int i = 0; i < 2000; i++) {
    if (i % 100 == 0) { ASSERT_TRUE(has(constraint.allowed(), 1)); }
    constraint.accept(1);
    max = std::max(max, constraint.matcher().size());
  }
  EXPECT_LE(max, Matcher::max_states / 2 + 1000);
  EXPECT_GT(max, Matcher::max_states / 4);
}

}  // namespace
}  // namespace ingot::grammar
