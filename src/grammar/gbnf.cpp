// A recursive-descent parser of GBNF; groups nest at most so deep.
#include "grammar/gbnf.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>

#include "grammar/characters.h"
#include "text/utf8.h"

namespace ingot::grammar {
namespace {

constexpr int deepest_group = 100;

class Parser {
 public:
  Parser(std::string_view text, Expressions& grammar) : text_(text), rest_(text), grammar_(grammar) {}

  /// The rule `root`.
  Id parse() {
    for (skip(true); !rest_.empty(); skip(true)) rule();
    for (const auto& [name, rule] : rules_)
      if (!rule.defined) throw Error("grammar", "a rule is used but not defined", name, "", "add " + name + " ::= …");
    auto root = rules_.find("root");
    if (root == rules_.end()) throw Error("grammar", "there is no rule named root", "", "root ::= …");
    return root->second.id;
  }

 private:
  struct Rule {
    Id id;
    bool defined = false;
  };

  [[noreturn]] void fail(const std::string& what, const std::string& expected = "") const {
    const auto line = 1 + std::ranges::count(text_.substr(0, text_.size() - rest_.size()), '\n');
    std::string got =
        rest_.empty() ? "the end" : "\"" + std::string(rest_.substr(0, std::min<size_t>(rest_.find('\n'), 20))) + "\"";
    throw Error("grammar", what + " (line " + std::to_string(line) + ")", got, expected);
  }
  bool at(std::string_view start) const { return rest_.starts_with(start); }
  bool take(std::string_view start) {
    if (!at(start)) return false;
    rest_.remove_prefix(start.size());
    return true;
  }

  /// Skips spaces and comments, and with `lines` also line ends.
  void skip(bool lines) {
    while (!rest_.empty()) {
      const char c = rest_[0];
      if (c == '#')
        rest_.remove_prefix(std::min(rest_.find('\n'), rest_.size()));
      else if (c == ' ' || c == '\t' || (lines && (c == '\n' || c == '\r')))
        rest_.remove_prefix(1);
      else
        return;
    }
  }

  std::string name() {
    size_t n = 0;
    auto is_word = [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
    };
    while (n < rest_.size() && is_word(rest_[n])) n++;
    if (n == 0) fail("expected a name", "letters, digits, - or _");
    std::string found(rest_.substr(0, n));
    rest_.remove_prefix(n);
    return found;
  }

  Rule& named(const std::string& name) {
    auto [at, is_new] = rules_.try_emplace(name);
    if (is_new) at->second.id = grammar_.declare(name);
    return at->second;
  }

  void rule() {
    const std::string_view start = rest_;
    Rule& made = named(name());
    if (made.defined) {
      rest_ = start;
      fail("a rule is defined twice");
    }
    made.defined = true;
    skip(false);
    if (!take("::=")) fail("a rule's name is not followed by ::=", "::=");
    skip(true);
    grammar_.define(made.id, alternatives(0));
    if (!rest_.empty() && !at("\n") && !at("\r")) fail("unexpected text after a rule", "a newline");
  }

  Id alternatives(int depth) {
    std::vector<Id> all{sequence(depth)};
    for (;;) {
      const std::string_view before = rest_;
      skip(true);  // an alternative may stand on a line of its own
      if (!take("|")) {
        if (depth == 0) rest_ = before;
        return grammar_.choice(all);
      }
      skip(true);
      all.push_back(sequence(depth));
    }
  }

  Id sequence(int depth) {
    std::vector<Id> parts;
    for (;;) {
      skip(depth > 0);
      if (rest_.empty() || at("|") || at(")") || at("\n") || at("\r")) return grammar_.sequence(parts);
      Id part = element(depth);
      for (skip(depth > 0); auto counts = quantifier(); skip(depth > 0))
        part = grammar_.repeat(part, counts->first, counts->second);
      parts.push_back(part);
    }
  }

  Id element(int depth) {
    if (take("\"")) return literal();
    if (take("[")) return utf8(grammar_, characters());
    if (take(".")) return utf8(grammar_, CharacterSet::all());
    if (take("(")) {
      if (depth == deepest_group)
        fail("groups nest too deeply", "at most " + std::to_string(deepest_group) + " levels");
      const Id group = alternatives(depth + 1);
      if (!take(")")) fail("a group is not closed", ")");
      return group;
    }
    if (at("<") || at("!")) fail("tokens cannot be named in a grammar", "their text");
    return named(name()).id;
  }

  Id literal() {
    std::vector<Id> parts;
    while (!take("\"")) {
      if (rest_.empty() || at("\n")) fail("a string is not closed", "\"");
      const char32_t c = character();
      parts.push_back(utf8(grammar_, {{c, c}}));
    }
    return grammar_.sequence(parts);
  }

  CharacterSet characters() {
    const bool inverted = take("^");
    CharacterSet set;
    while (!take("]")) {
      if (rest_.empty()) fail("a set of characters is not closed", "]");
      const char32_t low = character();
      char32_t high = low;
      if (at("-") && !at("-]")) {
        rest_.remove_prefix(1);
        if (rest_.empty()) fail("a set of characters is not closed", "]");
        high = character();
      }
      if (high < low) fail("a range of characters is reversed");
      set.add(low, high);
    }
    return inverted ? set.complement() : set;
  }

  char32_t character() {
    if (!take("\\")) {
      if (text::first_sequence(rest_).state != text::Sequence::whole) fail("malformed UTF-8");
      return take_character(rest_, "a grammar");
    }
    for (auto [letter, digits] : {std::pair{'x', 2}, {'u', 4}, {'U', 8}})
      if (!rest_.empty() && rest_[0] == letter) return hexadecimal(static_cast<size_t>(digits));
    for (auto [letter, meant] : {std::pair{'n', '\n'},
                                 {'r', '\r'},
                                 {'t', '\t'},
                                 {'\\', '\\'},
                                 {'"', '"'},
                                 {'[', '['},
                                 {']', ']'},
                                 {'-', '-'},
                                 {'^', '^'}})
      if (take({&letter, 1})) return static_cast<char32_t>(meant);
    fail("unknown escape", "one of \\n \\r \\t \\\\ \\\" \\[ \\] \\x12 \\u1234 \\U00012345");
  }

  char32_t hexadecimal(size_t digits) {
    uint32_t value = 0;
    const std::string_view spelled = rest_.substr(1, digits);
    auto [end, error] = std::from_chars(spelled.data(), spelled.data() + spelled.size(), value, 16);
    if (error != std::errc() || end != spelled.data() + digits)
      fail("an escape needs hexadecimal digits", std::to_string(digits) + " of them");
    if (value > 0x10FFFF || (value >= 0xD800 && value < 0xE000))
      fail("an escape is not a character", "U+0000 … U+10FFFF without surrogates");
    rest_.remove_prefix(1 + digits);
    return value;
  }

  std::optional<std::pair<uint32_t, uint32_t>> quantifier() {
    if (take("*")) return {{0, unlimited}};
    if (take("+")) return {{1, unlimited}};
    if (take("?")) return {{0, 1}};
    if (!take("{")) return std::nullopt;
    skip(false);
    std::pair<uint32_t, uint32_t> counts;
    counts.first = counts.second = at(",") ? 0 : number();
    skip(false);
    if (take(",")) {
      skip(false);
      counts.second = at("}") ? unlimited : number();
      skip(false);
    }
    if (!take("}")) fail("a repetition is not closed", "}");
    if (counts.second < counts.first) fail("the minimum of a repetition exceeds its maximum");
    return counts;
  }

  uint32_t number() {
    uint32_t value = 0;
    auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), value);
    if (error != std::errc() || value > 1000000000) fail("a repetition needs a number", "0 … 1000000000");
    rest_.remove_prefix(static_cast<size_t>(end - rest_.data()));
    return value;
  }

  std::string_view text_, rest_;
  Expressions& grammar_;
  std::map<std::string, Rule> rules_;
};

}  // namespace

Rules parse_gbnf(std::string_view text, Budget& budget) {
  budget.spend(text.size() / 16);
  Expressions grammar(budget);
  const Id root = Parser(text, grammar).parse();
  return make_rules(grammar, root);
}

}  // namespace ingot::grammar
