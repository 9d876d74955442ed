// The matcher against its reference, on random grammars and texts; and how much ambiguous grammars cost.
#include "grammar/matcher.h"

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <random>
#include <set>

#include "grammar/gbnf.h"

namespace ingot::grammar {
namespace {

/// The reference: where texts of `id` that start at `from` can end, by looking at every way.
class Reference {
 public:
  Reference(const Expressions& grammar, std::string_view text) : grammar_(grammar), text_(text) {}
  const std::set<size_t>& ends(Id id, size_t from) {
    auto [at, is_new] = known_.try_emplace({id, from});
    if (is_new) at->second = find(id, from);
    return at->second;
  }

 private:
  std::set<size_t> find(Id id, size_t from) {
    const Expression& e = grammar_[id];
    std::set<size_t> found;
    switch (e.kind) {
      case Expression::bytes:
        if (from < text_.size() && grammar_.set(id)[static_cast<uint8_t>(text_[from])]) found.insert(from + 1);
        break;
      case Expression::sequence:
        found.insert(from);
        for (uint32_t i = 0; i < e.count; i++) found = behind(grammar_.child(id, i), found);
        break;
      case Expression::choice:
      case Expression::rule:
        for (uint32_t i = 0; i < e.count; i++) found.merge(std::set(ends(grammar_.child(id, i), from)));
        break;
      case Expression::repeat: {
        std::set<size_t> here{from};
        for (uint32_t i = 0; i <= std::min<size_t>(e.max, e.min + text_.size() + 1) && !here.empty(); i++) {
          if (i >= e.min) found.insert(here.begin(), here.end());
          here = behind(grammar_.child(id), here);
        }
      }
    }
    return found;
  }
  std::set<size_t> behind(Id id, const std::set<size_t>& starts) {
    std::set<size_t> all;
    for (size_t start : starts) all.merge(std::set(ends(id, start)));
    return all;
  }

  const Expressions& grammar_;
  std::string_view text_;
  std::map<std::pair<Id, size_t>, std::set<size_t>> known_;
};

/// A random grammar over a, b and c. Rules begin with a letter or refer to later ones, so that none begins with itself.
Id random_grammar(Expressions& grammar, std::mt19937& random) {
  std::vector<Id> rules;
  for (int i = 0; i < 4; i++) rules.push_back(grammar.declare(std::to_string(i)));
  std::function<Id(int, size_t)> make = [&](int depth, size_t rule) -> Id {
    const auto letter = grammar.text(std::string(1, static_cast<char>('a' + random() % 3)));
    switch (depth == 0 ? random() % 2 : random() % 7) {
      case 0: return letter;
      case 1: return rule + 1 < rules.size() ? rules[rule + 1 + random() % (rules.size() - rule - 1)] : letter;
      case 2: return grammar.sequence({make(depth - 1, rule), make(depth - 1, rule)});
      case 3: return grammar.choice({make(depth - 1, rule), make(depth - 1, rule)});
      case 4:
        return grammar.sequence(
            {letter, rules[random() % rules.size()], make(depth - 1, rule)});  // any rule, behind a letter
      case 5: return grammar.optional(make(depth - 1, rule));
      default: {
        const auto min = static_cast<uint32_t>(random() % 3);
        return grammar.repeat(make(depth - 1, rule), min,
                              random() % 2 ? unlimited : min + static_cast<uint32_t>(random() % 3));
      }
    }
  };
  for (size_t i = 0; i < rules.size(); i++) grammar.define(rules[i], make(4, i));
  return rules[0];
}

TEST(Matcher, AgreesWithItsReferenceOnRandomGrammars) {
  std::mt19937 random(7);
  int grammars = 0, accepted = 0, refused = 0;
  for (int round = 0; round < 1500; round++) {
    Budget budget;
    Expressions grammar(budget);
    const Id root = random_grammar(grammar, random);
    std::shared_ptr<Rules> rules;
    try {
      rules = std::make_shared<Rules>(make_rules(grammar, root));
    } catch (const Error& e) {
      ASSERT_TRUE(std::string(e.what()).find("no text matches") != std::string::npos) << e.what();
      continue;
    }
    grammars++;
    Matcher matcher(rules);
    std::set<std::string> texts{""};
    for (int i = 0; i < 30; i++) {  // half of them along what may follow, so that many are accepted
      std::string text;
      State state = matcher.start();
      for (size_t n = random() % 9; text.size() < n;) {
        const char c = static_cast<char>('a' + random() % 3);
        if (const State next = matcher.step(state, static_cast<uint8_t>(c)); next != dead || i % 2)
          text += c, state = next;
        else if (matcher.shortest(state) == 0 && random() % 4 == 0)
          break;
      }
      texts.insert(text);
    }
    for (const std::string& text : texts) {
      const State state = matcher.step(matcher.start(), text);
      const bool expected = Reference(grammar, text).ends(root, 0).contains(text.size());
      ASSERT_EQ(matcher.accepts(state), expected) << "round " << round << " text " << text;
      (expected ? accepted : refused)++;
      // What is not dead can be finished, in as many bytes as is said.
      if (state == dead) continue;
      State at = state;
      uint64_t left = matcher.shortest(state);
      ASSERT_LT(left, Rules::endless);
      for (; left > 0; left--) {
        State best = dead;
        for (uint8_t byte : matcher.rules().class_byte)
          if (const State next = matcher.step(at, byte); matcher.shortest(next) < matcher.shortest(best)) best = next;
        at = best;
        ASSERT_EQ(matcher.shortest(at), left - 1);
      }
      ASSERT_TRUE(matcher.accepts(at));
    }
  }
  EXPECT_GT(grammars, 900);
  EXPECT_GT(accepted, 3000);
  EXPECT_GT(refused, 3000);
}

Matcher matcher_of(const std::string& grammar) {
  Budget budget;
  return Matcher(std::make_shared<Rules>(parse_gbnf(grammar, budget)));
}

TEST(Matcher, AmbiguityCostsLittle) {
  // Each would have 2^n readings.
  for (const char* grammar : {"root ::= (\"a\" | \"a\" \"a\"?)*", "root ::= (\"a\"+)+ \"b\"?",
                              "root ::= s \"!\"\ns ::= \"a\" s \"b\" s | \"a\" s \"c\" s | \"\"",
                              "root ::= x0\nx0 ::= x1 \"p\" | x1 \"q\"\nx1 ::= x2 \"p\" | x2 \"q\"\nx2 ::= x3 \"p\" | "
                              "x3 \"q\"\nx3 ::= \"a\"+",
                              "root ::= (\"a\"? \"a\"?){500}"}) {
    Matcher matcher = matcher_of(grammar);
    State state = matcher.start();
    for (int i = 0; i < 500; i++) state = matcher.step(state, 'a');
    EXPECT_NE(state, dead) << grammar;
    EXPECT_LT(matcher.work(), 5000000u) << grammar;
    EXPECT_LT(matcher.size(), 200000u) << grammar;
  }
}

TEST(Matcher, TooMuchAmbiguityIsRefusedNotSuffered) {
  Matcher matcher =
      matcher_of("root ::= (\"a\"? \"a\"?){1000000}");  // after n letters any of n/2 … n repetitions may be done
  State state = matcher.start();
  EXPECT_THROW(
      {
        for (int i = 0; i < 100000; i++) state = matcher.step(state, 'a');
      },
      Error);
  EXPECT_LT(matcher.work(), 1u << 26);
}

TEST(Matcher, OneStepIsBounded) {
  Matcher matcher = matcher_of("root ::= s \"!\"\ns ::= \"a\" s s s | \"a\" s s | \"a\" s | \"a\" | \"\"");
  State state = matcher.start();
  for (int i = 0; i < 1000; i++) {
    const uint64_t before = matcher.work();
    state = matcher.step(state, 'a');
    ASSERT_LT(matcher.work() - before, Matcher::max_work);
  }
}

TEST(Matcher, RightRecursionStacksNothingUp) {
  Matcher matcher = matcher_of("root ::= \"a\" root | \"b\"");
  State state = matcher.start();
  for (int i = 0; i < 100000; i++) state = matcher.step(state, 'a');
  EXPECT_LT(matcher.size(), 10u);
  EXPECT_TRUE(matcher.accepts(matcher.step(state, 'b')));
}

TEST(Matcher, NestingIsBounded) {
  Matcher matcher = matcher_of("root ::= \"(\" root \")\" | \"x\"");
  State state = matcher.start();
  int depth = 0;
  for (; depth < 100000; depth++) {
    const State next = matcher.step(state, '(');
    if (next == dead) break;
    state = next;
  }
  EXPECT_GT(depth, 1000);
  EXPECT_LE(depth, static_cast<int>(Matcher::max_depth));
  state = matcher.step(state, 'x');
  for (; depth > 0; depth--) state = matcher.step(state, ')');
  EXPECT_TRUE(matcher.accepts(state));
}

TEST(Matcher, ForgettingKeepsTheState) {
  Matcher matcher = matcher_of("root ::= \"[\" (root (\",\" root)*)? \"]\" | [0-9]+");
  State state = matcher.step(matcher.start(), "[1,[2,[],[34");
  const size_t before = matcher.size();
  state = matcher.keep_only(state);
  EXPECT_LT(matcher.size(), before);
  EXPECT_TRUE(matcher.accepts(matcher.step(state, "5],6]]")));
  EXPECT_FALSE(matcher.accepts(matcher.step(state, "5],6]")));
  EXPECT_TRUE(matcher.accepts(matcher.step(matcher.start(), "[7]")));
}

}  // namespace
}  // namespace ingot::grammar
