// A recursive-descent parser of regular expressions; groups nest at most so deep.
#include "grammar/pattern.h"

#include <fmt/core.h>

#include <algorithm>
#include <optional>

namespace ingot::grammar {
namespace {

constexpr int deepest_group = 100;
constexpr uint32_t max_repetitions = 1000000000;

const CharacterSet digits{{'0', '9'}}, word{{'0', '9'}, {'A', 'Z'}, {'a', 'z'}, {'_', '_'}};
const CharacterSet space{{'\t', '\r'},     {' ', ' '},       {0xA0, 0xA0},     {0x1680, 0x1680}, {0x2000, 0x200A},
                         {0x2028, 0x2029}, {0x202F, 0x202F}, {0x205F, 0x205F}, {0x3000, 0x3000}, {0xFEFF, 0xFEFF}};
const CharacterSet line_ends{{'\n', '\n'}, {'\r', '\r'}, {0x2028, 0x2029}};

Pattern of(CharacterSet set) { return {Pattern::characters, std::move(set), {}}; }

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text), rest_(text) {}
  Pattern parse() {
    Pattern whole = alternatives(0);
    if (!rest_.empty()) fail("unmatched )");
    return whole;
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    const std::string_view seen = text_.substr(0, std::min<size_t>(text_.size(), 60));
    throw Error("grammar", fmt::format("{} in a pattern, at byte {}", what, text_.size() - rest_.size()),
                fmt::format("\"{}{}\"", seen, seen.size() < text_.size() ? "…" : ""));
  }
  bool take(std::string_view start) {
    if (!rest_.starts_with(start)) return false;
    rest_.remove_prefix(start.size());
    return true;
  }

  Pattern alternatives(int depth) {
    Pattern all{Pattern::choice, {}, {}};
    do all.parts.push_back(sequence(depth));
    while (take("|"));
    return all.parts.size() == 1 ? std::move(all.parts[0]) : all;
  }

  Pattern sequence(int depth) {
    Pattern made{Pattern::sequence, {}, {}};
    while (!rest_.empty() && rest_[0] != '|' && rest_[0] != ')') {
      Pattern part = element(depth);
      if (auto counts = quantifier()) {
        if (part.kind == Pattern::begin || part.kind == Pattern::end) fail("a repetition of nothing");
        Pattern repeated{Pattern::repeat, {}, {}, counts->first, counts->second};
        repeated.parts.push_back(std::move(part));
        part = std::move(repeated);
        if (quantifier()) fail("a repetition of a repetition");
      }
      made.parts.push_back(std::move(part));
    }
    return made;
  }

  Pattern element(int depth) {
    if (take("^")) return {Pattern::begin, {}, {}};
    if (take("$")) return {Pattern::end, {}, {}};
    if (take(".")) return of(line_ends.complement());
    if (take("[")) return of(set());
    if (take("(")) {
      if (depth == deepest_group) fail("groups nest too deeply");
      if (take("?") && !take(":")) {
        if (!take("<") || rest_.starts_with("=") || rest_.starts_with("!"))
          fail("lookaround or another special group, which cannot be enforced,");
        const size_t close = rest_.find('>');
        if (close == std::string_view::npos) fail("a group's name is not closed");
        rest_.remove_prefix(close + 1);
      }
      Pattern group = alternatives(depth + 1);
      if (!take(")")) fail("a group is not closed");
      return group;
    }
    if (take("\\")) return of(escape(false));
    if (rest_[0] == '*' || rest_[0] == '+' || rest_[0] == '?') fail("a repetition of nothing");
    if (const auto before = rest_; quantifier()) {
      rest_ = before;
      fail("a repetition of nothing");
    }
    return of(one(take_character(rest_, "a pattern")));
  }

  static CharacterSet one(char32_t c) { return {{c, c}}; }

  CharacterSet set() {
    const bool inverted = take("^");
    CharacterSet made;
    while (!take("]")) {
      const CharacterSet low = member();
      if (!rest_.starts_with("-") || rest_.starts_with("-]")) {
        made.add(low);
        continue;
      }
      rest_.remove_prefix(1);
      const CharacterSet high = member();
      auto single = [](const CharacterSet& s) {
        return s.ranges().size() == 1 && s.ranges()[0].first == s.ranges()[0].second;
      };
      if (!single(low) || !single(high)) fail("the ends of a range must be single characters");
      if (high.ranges()[0].first < low.ranges()[0].first) fail("a reversed range");
      made.add(low.ranges()[0].first, high.ranges()[0].first);
    }
    return inverted ? made.complement() : made;
  }

  CharacterSet member() {
    if (rest_.empty()) fail("a set of characters is not closed");
    return take("\\") ? escape(true) : one(take_character(rest_, "a pattern"));
  }

  CharacterSet escape(bool in_set) {
    if (rest_.empty()) fail("a \\ at the end");
    const char c = rest_[0];
    rest_.remove_prefix(1);
    switch (c) {
      case 'd': return digits;
      case 'D': return digits.complement();
      case 'w': return word;
      case 'W': return word.complement();
      case 's': return space;
      case 'S': return space.complement();
      case 't': return one('\t');
      case 'n': return one('\n');
      case 'v': return one('\v');
      case 'f': return one('\f');
      case 'r': return one('\r');
      case '0': return one(0);
      case 'x': return one(hexadecimal(2));
      case 'u': return one(code_unit());
      case 'b':
        if (in_set) return one('\b');
        break;
      case 'c':
        if (!rest_.empty() && ((rest_[0] | 0x20) >= 'a' && (rest_[0] | 0x20) <= 'z')) {
          const char letter = rest_[0];
          rest_.remove_prefix(1);
          return one(static_cast<char32_t>(letter & 31));
        }
        break;
      default:
        if (static_cast<uint8_t>(c) < 0x80 && !(c >= '0' && c <= '9') && !((c | 0x20) >= 'a' && (c | 0x20) <= 'z'))
          return one(static_cast<char32_t>(c));
    }
    fail(std::string("\\") + c + ", which cannot be enforced,");
  }

  char32_t hexadecimal(size_t n) {
    char32_t value = 0;
    for (size_t i = 0; i < n; i++) {
      const char c = i < rest_.size() ? rest_[i] : 0;
      const int digit = c >= '0' && c <= '9'                     ? c - '0'
                        : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10
                                                                 : -1;
      if (digit < 0) fail("an escape without its hexadecimal digits");
      value = value * 16 + static_cast<char32_t>(digit);
    }
    rest_.remove_prefix(n);
    return value;
  }

  /// What stands behind \u: four digits, two times four for a pair of surrogates, or {…}.
  char32_t code_unit() {
    char32_t value;
    if (take("{")) {
      const size_t n = rest_.find('}');
      if (n == 0 || n > 6) fail("an escape without its hexadecimal digits");
      value = hexadecimal(n);
      rest_.remove_prefix(1);
    } else {
      value = hexadecimal(4);
      if (value >= 0xD800 && value < 0xDC00 && take("\\u")) {
        const char32_t low = hexadecimal(4);
        if (low >= 0xDC00 && low < 0xE000) value = 0x10000 + ((value - 0xD800) << 10) + (low - 0xDC00);
      }
    }
    if (value > 0x10FFFF || (value >= 0xD800 && value < 0xE000)) fail("an escape that is not a character");
    return value;
  }

  /// * + ? {n} {n,} {n,m}, each with or without a ?; a { that is none of these is a character.
  std::optional<std::pair<uint32_t, uint32_t>> quantifier() {
    std::optional<std::pair<uint32_t, uint32_t>> counts;
    if (take("*"))
      counts = {0, unlimited};
    else if (take("+"))
      counts = {1, unlimited};
    else if (take("?"))
      counts = {0, 1};
    else if (rest_.starts_with("{"))
      counts = braces();
    if (counts) take("?");
    return counts;
  }

  std::optional<std::pair<uint32_t, uint32_t>> braces() {
    const std::string_view before = rest_;
    take("{");
    auto min = number();
    auto max = min;
    if (min && take(",")) max = rest_.starts_with("}") ? unlimited : number();
    if (!min || !max || !take("}")) {
      rest_ = before;
      return std::nullopt;
    }
    if (*max < *min) fail("a repetition whose minimum exceeds its maximum");
    return {{*min, *max}};
  }

  std::optional<uint32_t> number() {
    uint64_t value = 0;
    size_t n = 0;
    for (; n < rest_.size() && rest_[n] >= '0' && rest_[n] <= '9'; n++)
      value = std::min<uint64_t>(value * 10 + static_cast<uint64_t>(rest_[n] - '0'), max_repetitions);
    rest_.remove_prefix(n);
    if (n == 0) return std::nullopt;
    return static_cast<uint32_t>(value);
  }

  std::string_view text_, rest_;
};

}  // namespace

Pattern parse_pattern(std::string_view text) { return Parser(text).parse(); }

}  // namespace ingot::grammar
