// Tokens recognised by their spelling: which of them, and who wins where they overlap.
#include "text/special.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "vocabularies.h"

namespace ingot::text {
namespace {

// "[a] b [cd]": spellings of tokens in brackets, plain text as it is, one blank between fragments.
std::string split(const std::vector<std::string>& spellings, std::string_view text, TokenType type = TokenType::user_defined,
                  bool parse_special = false) {
  Vocabulary v;
  for (const std::string& spelling : spellings) add_token(v, spelling, type);
  std::string shown;
  const SpecialTokens specials(v);
  for (const Fragment& fragment : specials.split(text, parse_special)) {
    if (!shown.empty()) shown += ' ';
    if (fragment.id >= 0) { EXPECT_EQ(v.tokens[static_cast<size_t>(fragment.id)], fragment.text); }
    shown += fragment.id >= 0 ? '[' + std::string(fragment.text) + ']' : std::string(fragment.text);
  }
  return shown;
}

TEST(Special, CutsTextAtTokens) {
  EXPECT_EQ(split({"<x>"}, "a<x>b<x><x>"), "a [<x>] b [<x>] [<x>]");
  EXPECT_EQ(split({"<x>"}, "<x"), "<x");
  EXPECT_EQ(split({"<x>"}, "<<x>"), "< [<x>]");
  EXPECT_EQ(split({"<x>"}, ""), "");
  EXPECT_EQ(split({}, "abc"), "abc");
}

TEST(Special, LongestWins) {
  EXPECT_EQ(split({"\n", "\n\n", "\n\n\n"}, "\n\n\n\n\n"), "[\n\n\n] [\n\n]");
  EXPECT_EQ(split({"ab", "bcd"}, "abcd"), "a [bcd]");             // though the shorter begins further left
  EXPECT_EQ(split({"aa"}, "aaa"), "[aa] a");                      // equal lengths: from left to right
  EXPECT_EQ(split({"bcde", "abc", "a"}, "abcde"), "[a] [bcde]");  // what remains of a blocked position
  EXPECT_EQ(split({"cdef", "bcd", "ab"}, "abcdef"), "[ab] [cdef]");
}

TEST(Special, ControlTokensOnlyOnRequest) {
  EXPECT_EQ(split({"<x>"}, "a<x>", TokenType::control), "a<x>");
  EXPECT_EQ(split({"<x>"}, "a<x>", TokenType::control, true), "a [<x>]");
  EXPECT_EQ(split({"<x>"}, "a<x>", TokenType::unknown), "a<x>");
  EXPECT_EQ(split({"<x>"}, "a<x>", TokenType::unknown, true), "a [<x>]");
  EXPECT_EQ(split({"<x>"}, "a<x>", TokenType::user_defined, true), "a [<x>]");
  EXPECT_EQ(split({"<x>"}, "a<x>", TokenType::normal, true), "a<x>");
  EXPECT_EQ(split({"<x>"}, "a<x>", TokenType::unused, true), "a<x>");
}

TEST(Special, SomeSwallowTheWhiteSpaceBehindThem) {
  Vocabulary v;
  const int32_t stripping = add_token(v, "<x>", TokenType::user_defined), other = add_token(v, "<y>", TokenType::user_defined);
  v.stripping = {stripping};
  const SpecialTokens specials(v);
  std::vector<std::pair<std::string, int32_t>> got;
  for (const Fragment& f : specials.split("a <x> \t\n\v\f\r b<y> c<x>\n<y><x>\u00a0<x> ", false)) got.emplace_back(f.text, f.id);
  EXPECT_EQ(got, (std::vector<std::pair<std::string, int32_t>>{{"a ", -1},
                                                               {"<x>", stripping},
                                                               {"b", -1},
                                                               {"<y>", other},
                                                               {" c", -1},
                                                               {"<x>", stripping},
                                                               {"<y>", other},
                                                               {"<x>", stripping},
                                                               {"\u00a0", -1},
                                                               {"<x>", stripping}}));
}

std::string marked(bool is_token, std::string_view part) {
  std::string text(1, is_token ? '+' : '-');
  text += part;
  return text;
}

// The obvious twin: each spelling, longest first, cuts every fragment of plain text that is left.
std::vector<std::string> plain_split(std::vector<std::string> spellings, std::string_view text) {
  std::sort(spellings.begin(), spellings.end(), [](const auto& a, const auto& b) { return a.size() > b.size(); });
  std::vector<std::pair<std::string, bool>> parts{{std::string(text), false}};
  for (const std::string& spelling : spellings) {
    std::vector<std::pair<std::string, bool>> next;
    for (const auto& [part, is_token] : parts) {
      size_t from = 0;
      for (size_t at; !is_token && (at = part.find(spelling, from)) != std::string::npos; from = at + spelling.size()) {
        next.push_back({part.substr(from, at - from), false});
        next.push_back({spelling, true});
      }
      next.push_back({part.substr(from), is_token});
    }
    parts = next;
  }
  std::vector<std::string> shown;
  for (const auto& [part, is_token] : parts) {
    if (!part.empty()) shown.push_back(marked(is_token, part));
  }
  return shown;
}

TEST(Special, AgreesWithThePlainTwin) {
  std::mt19937 random(2);
  const auto word = [&](size_t n) {
    std::string s;
    while (s.size() < n) s += static_cast<char>('a' + random() % 2);
    return s;
  };
  for (int round = 0; round < 3000; round++) {
    // One spelling a length: among equal lengths the twin goes by the token, not by the place.
    std::vector<std::string> spellings;
    for (size_t n = 1; n <= 6; n++) {
      if (random() % 2) spellings.push_back(word(n));
    }
    const std::string text = word(random() % 24);
    Vocabulary v;
    for (const std::string& spelling : spellings) add_token(v, spelling, TokenType::user_defined);
    std::vector<std::string> got;
    const SpecialTokens specials(v);
    for (const Fragment& fragment : specials.split(text, false)) got.push_back(marked(fragment.id >= 0, fragment.text));
    ASSERT_EQ(got, plain_split(spellings, text)) << text;
  }
}

// Here a search that tries every spelling at every place again and again would not come back.
TEST(Special, LongTextsOfNothingButTokens) {
  Vocabulary v;
  for (size_t n = 1; n <= 40; n++) add_token(v, std::string(n, '\n'), TokenType::user_defined);
  const std::string text(1 << 20, '\n');
  EXPECT_EQ(SpecialTokens(v).split(text, false).size(), (text.size() + 39) / 40);
}

}  // namespace
}  // namespace ingot::text
