// GBNF: what it matches, what it refuses and in which line, and that hostile grammars end after a bounded number of
// steps.
#include "grammar/gbnf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "grammar/matcher.h"

namespace ingot::grammar {
namespace {

using testing::HasSubstr;

bool matches(const std::string& grammar, const std::string& text) {
  Budget budget;
  Matcher matcher(std::make_shared<Rules>(parse_gbnf(grammar, budget)));
  return matcher.accepts(matcher.step(matcher.start(), text));
}

/// What the parser says, and that it says so within its budget.
std::string refusal(const std::string& grammar) {
  Budget budget;
  try {
    parse_gbnf(grammar, budget);
  } catch (const Error& e) {
    EXPECT_LE(budget.spent(), Budget::usual + grammar.size() + 1000);
    return e.what();
  }
  return "accepted";
}

TEST(Gbnf, TextsSetsAndQuantifiers) {
  EXPECT_TRUE(matches("root ::= \"yes\" | \"no\"", "no"));
  EXPECT_FALSE(matches("root ::= \"yes\" | \"no\"", "n"));
  EXPECT_TRUE(matches("root ::= [a-c]+ \"!\"?", "abc"));
  EXPECT_TRUE(matches("root ::= [a-c]+ \"!\"?", "b!"));
  EXPECT_FALSE(matches("root ::= [a-c]+ \"!\"?", "!"));
  EXPECT_TRUE(matches("root ::= [^0-9]*", "äöü ∞"));
  EXPECT_FALSE(matches("root ::= [^0-9]*", "a1"));
  EXPECT_TRUE(matches("root ::= . . .", "a∞🙂"));
  EXPECT_FALSE(matches("root ::= .", "\x80"));
  EXPECT_TRUE(matches("root ::= \"a\"{2,3}", "aaa"));
  EXPECT_FALSE(matches("root ::= \"a\"{2,3}", "aaaa"));
  EXPECT_FALSE(matches("root ::= \"a\"{2,3}", "a"));
  EXPECT_TRUE(matches("root ::= \"ab\"{2}", "abab"));
  EXPECT_TRUE(matches("root ::= \"a\"{,2}", ""));
  EXPECT_TRUE(matches("root ::= \"a\"{2,}", "aaaaaa"));
  EXPECT_TRUE(matches("root ::= [-a\\]]+", "a-]"));
  EXPECT_TRUE(matches("root ::= \"\\x41\\u00e9\\U0001F642\\n\\\"\"", "Aé🙂\n\""));
}

TEST(Gbnf, RulesGroupsCommentsAndLines) {
  const std::string arithmetic =
      "# sums and products\n"
      "root ::= sum \"\\n\"  # a line\n"
      "sum ::=\n  product (\n    [-+] product\n  )*\n"
      "product ::= factor ([*/] factor)*\n\n"
      "factor ::= [0-9]+\n"
      "  | \"(\" sum \")\"\n";
  EXPECT_TRUE(matches(arithmetic, "1+2*(3-4)/5\n"));
  EXPECT_TRUE(matches(arithmetic, "((((7))))\n"));
  EXPECT_FALSE(matches(arithmetic, "1+\n"));
  EXPECT_FALSE(matches(arithmetic, "(1\n"));
  EXPECT_TRUE(matches("root ::= a-b\r\na-b ::= \"x\"\r\n", "x"));
}

TEST(Gbnf, ErrorsNameTheLine) {
  EXPECT_THAT(refusal("root ::= \"a\"\nroot ::= \"b\""), HasSubstr("defined twice (line 2)"));
  EXPECT_THAT(refusal("root ::= \"a"), HasSubstr("not closed (line 1)"));
  EXPECT_THAT(refusal("\n\nroot = \"a\""), HasSubstr("(line 3)"));
  EXPECT_THAT(refusal("root ::= (\"a\""), HasSubstr("not closed"));
  EXPECT_THAT(refusal("root ::= [a"), HasSubstr("not closed"));
  EXPECT_THAT(refusal("root ::= [b-a]"), HasSubstr("reversed"));
  EXPECT_THAT(refusal("root ::= \"\\q\""), HasSubstr("unknown escape"));
  EXPECT_THAT(refusal("root ::= \"\\u12\""), HasSubstr("hexadecimal"));
  EXPECT_THAT(refusal("root ::= \"\\ud800\""), HasSubstr("not a character"));
  EXPECT_THAT(refusal("root ::= \"a\"{3,2}"), HasSubstr("minimum of a repetition"));
  EXPECT_THAT(refusal("root ::= \"a\"{99999999999}"), HasSubstr("needs a number"));
  EXPECT_THAT(refusal("root ::= \"a\")"), HasSubstr("unexpected text after a rule"));
  EXPECT_THAT(refusal("root ::= <[1000]>"), HasSubstr("tokens cannot be named"));
  EXPECT_THAT(refusal("root ::= \"\xff\""), HasSubstr("UTF-8"));
}

TEST(Gbnf, RootAndRulesMustBeThere) {
  EXPECT_THAT(refusal(""), HasSubstr("no rule named root"));
  EXPECT_THAT(refusal("start ::= \"a\""), HasSubstr("no rule named root"));
  EXPECT_THAT(refusal("root ::= missing"), HasSubstr("not defined; got missing"));
}

TEST(Gbnf, WhatNeverEndsOrBeginsWithItselfIsRefused) {
  EXPECT_THAT(refusal("root ::= root"), HasSubstr("no text matches"));
  EXPECT_THAT(refusal("root ::= \"a\" root"), HasSubstr("no text matches"));
  EXPECT_THAT(refusal("root ::= root \"a\" | \"b\""), HasSubstr("left recursion in a rule; got root"));
  EXPECT_THAT(refusal("root ::= a | \"x\"\na ::= b \"y\"\nb ::= \"z\"? root"), HasSubstr("left recursion"));
  EXPECT_TRUE(matches("root ::= \"a\" dead | \"b\"\ndead ::= \"x\" dead", "b"));
  EXPECT_FALSE(matches("root ::= \"a\" dead | \"b\"\ndead ::= \"x\" dead", "ax"));
}

TEST(Gbnf, RepetitionsOfWhatMayBeEmpty) {
  EXPECT_TRUE(matches("root ::= (\"a\"*)*", "aaaa"));
  EXPECT_TRUE(matches("root ::= (\"a\"* \"b\"?)+ \"c\"", "aabbac"));
  EXPECT_TRUE(matches("root ::= (\"\")* \"x\"", "x"));
  EXPECT_TRUE(matches("root ::= e{1000000000} \"x\"\ne ::= \"a\"?", "x"));
  EXPECT_TRUE(matches("root ::= (\"a\"? \"b\"?){2}", "abab"));
  EXPECT_FALSE(matches("root ::= (\"a\"? \"b\"?){2}", "ababa"));
  EXPECT_TRUE(matches("root ::= (x | y)* \"!\"\nx ::= y y\ny ::= \"k\"*", "kkk!"));
}

TEST(Gbnf, HostileGrammarsEndSoon) {
  const std::string many(60000, '(');
  EXPECT_THAT(refusal("root ::= " + many), HasSubstr("nest too deeply"));
  std::string chain = "root ::= 0\n5000 ::= \"a\"\n";
  for (int i = 0; i < 5000; i++)
    chain.append(std::to_string(i)).append(" ::= ").append(std::to_string(i + 1)).append("\n");
  EXPECT_THAT(refusal(chain), HasSubstr("too deeply"));
  EXPECT_TRUE(matches("root ::= \"a\"{1,1000000000} \"b\"", "aaaaaab"));
  EXPECT_TRUE(matches("root ::= \"a\"{100}{100}{100} | \"b\"", "b"));
  std::string wide = "root ::= \"a\"";
  for (int i = 0; i < 400000; i++) wide.append(" | \"").append(std::to_string(i)).append("\"");
  EXPECT_THAT(refusal(wide), HasSubstr("too large"));
}

}  // namespace
}  // namespace ingot::grammar
