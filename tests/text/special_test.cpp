// Tokens recognised by their spelling: which of them, and who wins where they overlap.
#include "text/special.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "vocabularies.h"

namespace ingot::text {
namespace {

// "[a] b [cd]": spellings of tokens in brackets, plain text as it is, one blank between fragments.
std::string marked_text(const std::vector<std::string>& spellings, std::string_view text,
                        TokenType type = TokenType::user_defined, bool parse_special = false) {
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
  EXPECT_EQ(marked_text({"<x>"}, "a<x>b<x><x>"), "a [<x>] b [<x>] [<x>]");
  EXPECT_EQ(marked_text({"<x>"}, "<x"), "<x");
  EXPECT_EQ(marked_text({"<x>"}, "<<x>"), "< [<x>]");
  EXPECT_EQ(marked_text({"<x>"}, ""), "");
  EXPECT_EQ(marked_text({}, "abc"), "abc");
}

TEST(Special, LongestWins) {
  EXPECT_EQ(marked_text({"\n", "\n\n", "\n\n\n"}, "\n\n\n\n\n"), "[\n\n\n] [\n\n]");
  EXPECT_EQ(marked_text({"ab", "bcd"}, "abcd"), "a [bcd]");             // though the shorter begins further left
  EXPECT_EQ(marked_text({"aa"}, "aaa"), "[aa] a");                      // equal lengths: from left to right
  EXPECT_EQ(marked_text({"bcde", "abc", "a"}, "abcde"), "[a] [bcde]");  // what remains of a blocked position
  EXPECT_EQ(marked_text({"cdef", "bcd", "ab"}, "abcdef"), "[ab] [cdef]");
}

TEST(Special, ControlTokensOnlyOnRequest) {
  EXPECT_EQ(marked_text({"<x>"}, "a<x>", TokenType::control), "a<x>");
  EXPECT_EQ(marked_text({"<x>"}, "a<x>", TokenType::control, true), "a [<x>]");
  EXPECT_EQ(marked_text({"<x>"}, "a<x>", TokenType::unknown), "a<x>");
  EXPECT_EQ(marked_text({"<x>"}, "a<x>", TokenType::unknown, true), "a [<x>]");
  EXPECT_EQ(marked_text({"<x>"}, "a<x>", TokenType::user_defined, true), "a [<x>]");
  EXPECT_EQ(marked_text({"<x>"}, "a<x>", TokenType::normal, true), "a<x>");
  EXPECT_EQ(marked_text({"<x>"}, "a<x>", TokenType::unused, true), "a<x>");
}

TEST(Special, SomeSwallowTheWhiteSpaceBehindThem) {
  Vocabulary v;
  const int32_t stripping = add_token(v, "<x>", TokenType::user_defined),
                other = add_token(v, "<y>", TokenType::user_defined);
  v.stripping = {stripping};
  const SpecialTokens specials(v);
  std::vector<std::pair<std::string, int32_t>> got;
  for (const Fragment& f : specials.split("a <x> \t\n\v\f\r b<y> c<x>\n<y><x>\u00a0<x> ", false))
    got.emplace_back(f.text, f.id);
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

// The plain reference: each spelling, longest first, cuts every fragment of plain text that is left.
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

TEST(Special, AgreesWithTheReference) {
  std::mt19937 random(2);
  const auto word = [&](size_t n) {
    std::string s;
    while (s.size() < n) s += static_cast<char>('a' + random() % 2);
    return s;
  };
  for (int round = 0; round < 3000; round++) {
    // One spelling a length: among equal lengths the reference goes by the token, not by the place.
    std::vector<std::string> spellings;
    for (size_t n = 1; n <= 6 + random() % 20; n++) {
      if (random() % 2) spellings.push_back(round % 2 ? word(n) : std::string(n, 'a'));
    }
    const std::string text = word(random() % 60);
    Vocabulary v;
    for (const std::string& spelling : spellings) add_token(v, spelling, TokenType::user_defined);
    std::vector<std::string> got;
    const SpecialTokens specials(v);
    for (const Fragment& fragment : specials.split(text, false)) got.push_back(marked(fragment.id >= 0, fragment.text));
    ASSERT_EQ(got, plain_split(spellings, text)) << text;
  }
}

// The same with control tokens and with text that is to stay plain: every match that may be, longest first, then
// leftmost.
TEST(Special, AgreesWithTheReferenceAroundPlainText) {
  std::mt19937 random(3);
  for (int round = 0; round < 3000; round++) {
    Vocabulary v;
    for (size_t n = 1; n <= 9; n++) {
      if (random() % 3 == 0) continue;
      std::string spelling;
      while (spelling.size() < n) spelling += static_cast<char>('a' + random() % 2);
      add_token(v, spelling, random() % 2 ? TokenType::control : TokenType::user_defined);
    }
    std::string text;
    while (text.size() < 50) text += static_cast<char>('a' + random() % 2);
    std::vector<Span> plain;
    for (size_t at = random() % 20; at < text.size(); at = plain.back().end + random() % 20) {
      plain.push_back({at, std::min(text.size(), at + 1 + random() % 4)});
    }
    std::vector<std::pair<size_t, size_t>> matches;  // minus length, place
    for (size_t id = 0; id < v.tokens.size(); id++) {
      for (size_t at = 0; (at = text.find(v.tokens[id], at)) != std::string::npos; at++) {
        const bool touches = std::any_of(plain.begin(), plain.end(), [&](const Span& s) {
          return at < s.end && s.begin < at + v.tokens[id].size();
        });
        if (v.types[id] == TokenType::user_defined || !touches) matches.push_back({SIZE_MAX - v.tokens[id].size(), at});
      }
    }
    std::sort(matches.begin(), matches.end());
    std::vector<size_t> length_at(text.size());  // of what is chosen there
    std::vector<bool> covered(text.size());
    for (const auto& [minus, at] : matches) {
      const size_t n = SIZE_MAX - minus;
      if (std::find(covered.begin() + at, covered.begin() + at + n, true) != covered.begin() + at + n) continue;
      std::fill_n(covered.begin() + at, n, true);
      length_at[at] = n;
    }
    std::vector<size_t> got(text.size());
    for (const Fragment& f : SpecialTokens(v).split(text, true, plain)) {
      if (f.id >= 0) got[static_cast<size_t>(f.text.data() - text.data())] = f.text.size();
    }
    ASSERT_EQ(got, length_at) << text;
  }
}

// Work over the length of the text, for vocabularies and texts that are made to cost much. A search that tries the
// spellings at each place needs as much again for each byte of the longest one.
TEST(Special, WorkIsLinearWhateverTheSpellingsAre) {
  const auto repeated = [](std::string_view part, size_t n) {
    std::string text;
    while (text.size() < n) text += part;
    return text;
  };
  std::vector<std::pair<std::vector<std::string>, std::string>> cases;
  cases.push_back({{repeated("a", 200'000) + "b"}, repeated("a", 200'000)});  // begins everywhere, ends nowhere
  cases.push_back({{"b" + repeated("a", 200'000)}, repeated("a", 200'000)});
  cases.push_back({{repeated("a", 50'000) + "b", repeated("a", 50'001) + "c"}, repeated("a", 150'000) + "b"});
  std::vector<std::string> runs, nested;
  for (size_t n = 1; n <= 600; n++) runs.push_back(std::string(n, '\n'));
  cases.push_back({runs, std::string(200'000, '\n')});
  cases.push_back({runs, repeated(std::string(599, '\n') + "x", 200'000)});
  for (size_t n = 1; n <= 400; n++)
    nested.push_back(std::string(n, 'a') + std::string(n, 'b'));  // each blocks those at its left
  for (size_t n = 1; n <= 400; n++) nested.push_back(std::string(n, 'a'));
  cases.push_back({nested, repeated(std::string(800, 'a') + std::string(800, 'b'), 200'000)});
  std::string fibonacci = "a", before = "b";
  std::vector<std::string> words;
  while (fibonacci.size() < 200'000) {
    words.push_back(fibonacci);
    before = std::exchange(fibonacci, fibonacci + before);
  }
  cases.push_back({words, fibonacci});
  std::vector<std::string> bytes;  // 256 children of every node
  for (int a = 0; a < 256; a++)
    for (int b = 0; b < 256; b++) bytes.push_back({static_cast<char>(a), static_cast<char>(b), 'x'});
  cases.push_back({bytes, repeated("abyxcdz", 200'000)});
  for (size_t i = 0; i < cases.size(); i++) {
    Vocabulary v;
    for (size_t n = 0; n < cases[i].first.size(); n++)
      add_token(v, cases[i].first[n], n % 2 ? TokenType::control : TokenType::user_defined);
    uint64_t work = 0;
    const SpecialTokens specials(v);
    const std::string& text = cases[i].second;
    const std::vector<Span> plain = {{text.size() / 3, text.size() / 2}};
    specials.split(text, true, plain, &work);
    EXPECT_GE(work, text.size());
    EXPECT_LE(work, 10 * text.size()) << "case " << i;
  }
}

TEST(Special, LongTextsOfNothingButTokens) {
  Vocabulary v;
  for (size_t n = 1; n <= 40; n++) add_token(v, std::string(n, '\n'), TokenType::user_defined);
  const std::string text(1 << 20, '\n');
  EXPECT_EQ(SpecialTokens(v).split(text, false).size(), (text.size() + 39) / 40);
}

}  // namespace
}  // namespace ingot::text
