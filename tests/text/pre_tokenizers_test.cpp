// Each named rule on sentences whose words are known, and what holds for every rule.
#include "text/pre_tokenizers.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <random>
#include <set>
#include <stdexcept>

#include "support/long_texts.h"
#include "text/utf8.h"

namespace ingot::text {
namespace {

using Words = std::vector<std::string>;

Words split(std::string_view rule, std::string_view text) {
  const PreTokenizer* found = find_pre_tokenizer(rule);
  if (!found) throw std::runtime_error("no such rule");
  Words words;
  for (const std::string_view word : WordSplitter(*found).split(text)) words.emplace_back(word);
  return words;
}

TEST(PreTokenizers, Gpt2) {
  EXPECT_EQ(split("gpt-2", "Hello  world's 1234!? \n\n x"),
            (Words{"Hello", " ", " world", "'s", " 1234", "!?", " \n\n", " x"}));
  EXPECT_EQ(split("gpt-2", "I'LL we'll"), (Words{"I", "'", "LL", " we", "'ll"}));
  EXPECT_EQ(split("gpt-2", "  "), (Words{"  "}));
  EXPECT_EQ(split("gpt-2", "\na"), (Words{"\n", "a"}));
  EXPECT_EQ(split("gpt-2", "gr\u00fc\u00df dich, \u4f60\u597d\uff01"),
            (Words{"gr\u00fc\u00df", " dich", ",", " \u4f60\u597d", "\uff01"}));
}

TEST(PreTokenizers, SmollmTakesDigitsOneByOne) {
  EXPECT_EQ(split("smollm", "in 2024a"), (Words{"in", " ", "2", "0", "2", "4", "a"}));
  EXPECT_EQ(split("smollm", "x  1"), (Words{"x", "  ", "1"}));
  EXPECT_EQ(split("smollm", "\u0663\u00bd"), (Words{"\u0663", "\u00bd"}));
}

TEST(PreTokenizers, LlamaBpeTakesDigitsInThrees) {
  EXPECT_EQ(split("llama-bpe", "1234567"), (Words{"123", "456", "7"}));
  EXPECT_EQ(split("llama-bpe", "DON'T (now)\n\n  go"), (Words{"DON", "'T", " (", "now", ")\n\n", " ", " go"}));
  EXPECT_TRUE(find_pre_tokenizer("llama-bpe")->whole_words);
  EXPECT_TRUE(find_pre_tokenizer("llama-bpe")->adds_bos);
}

TEST(PreTokenizers, Qwen2TakesDigitsOneByOneAndKeepsLineBreaks) {
  EXPECT_EQ(split("qwen2", "a12 \n\nb"), (Words{"a", "1", "2", " \n\n", "b"}));
  EXPECT_EQ(split("qwen2", ".word"), (Words{".word"}));
  EXPECT_FALSE(find_pre_tokenizer("qwen2")->whole_words);
}

TEST(PreTokenizers, DefaultAndFalconCutPunctuationAndThreeDigits) {
  EXPECT_EQ(split("default", "a+b, 12345"), (Words{"a", "+", "b", ",", " ", "123", "45"}));
  EXPECT_EQ(split("default", "x`y"), (Words{"x", "`", "y"}));
  EXPECT_EQ(split("default", " `"), (Words{" `"}));
  EXPECT_EQ(split("falcon", " `"), (Words{" ", "`"}));
  EXPECT_EQ(split("falcon", "12345"), (Words{"123", "45"}));
  EXPECT_EQ(find_pre_tokenizer(""), find_pre_tokenizer("default"));
}

TEST(PreTokenizers, FamiliesThatDifferInOnePlace) {
  EXPECT_EQ(split("gpt-4o", "HTTPServer isn't"), (Words{"HTTPServer", " isn't"}));
  EXPECT_EQ(split("gpt-4o", "fooBar/\n/x"), (Words{"foo", "Bar", "/\n/", "x"}));
  EXPECT_EQ(split("tekken", "isn't 123"), (Words{"isn", "'t", " ", "1", "2", "3"}));
  EXPECT_EQ(split("kimi-k2", "ab\u6f22\u5b57cd"), (Words{"ab", "\u6f22\u5b57", "cd"}));
  EXPECT_EQ(split("deepseek-v3", "(abc 12345"), (Words{"(abc", " ", "123", "45"}));
  EXPECT_EQ(split("deepseek-llm", "ab12  \nc"), (Words{"ab", "12", "  ", "\n", "c"}));
  EXPECT_EQ(split("deepseek-coder", "ab12."), (Words{"ab", "1", "2", "."}));
  EXPECT_EQ(split("bailingmoe", "a\n\n\nb"), (Words{"a", "\n\n\n", "b"}));
  EXPECT_EQ(split("seed-coder", "a!\nb"), (Words{"a", "!", "\n", "b"}));
  EXPECT_EQ(split("bloom", "ab12!\u3002 c"), (Words{"ab12", "!\u3002", " c"}));
  EXPECT_TRUE(find_pre_tokenizer("tekken")->whole_words && find_pre_tokenizer("glm4")->whole_words);
  EXPECT_FALSE(find_pre_tokenizer("gpt-4o")->whole_words || find_pre_tokenizer("gpt-4o")->adds_bos);
}

// The makers' own patterns in another engine: tools/goldens/words.py.
TEST(PreTokenizers, WordsAreThoseOfTheMakersPatterns) {
  std::ifstream file(INGOT_SOURCE_DIR "/tests/text/golden/words.json");
  const auto golden = nlohmann::json::parse(file);
  ASSERT_GT(golden["cases"].size(), 700u);
  for (size_t rule = 0; rule < golden["rules"].size(); rule++) {
    const std::string name = golden["rules"][rule];
    for (const auto& row : golden["cases"]) {
      std::vector<size_t> lengths;
      for (const std::string& word : split(name, row[0].get<std::string>())) lengths.push_back(word.size());
      EXPECT_EQ(lengths, row[rule + 1].get<std::vector<size_t>>()) << name << ": " << row[0];
    }
  }
}

// Each of these stands in for one of its own kind, whatever the matcher knows of Unicode: letter, mark, number,
// punctuation, symbol.
TEST(PreTokenizers, CharactersThatCameLater) {
  EXPECT_EQ(split("gpt-2", "a\U0003144b b"), (Words{"a\U0003144b", " b"}));
  EXPECT_EQ(split("qwen35", "a\U00011f34b"), (Words{"a\U00011f34b"}));
  EXPECT_EQ(split("smollm", "\U00011f50\U00011f51"), (Words{"\U00011f50", "\U00011f51"}));
  EXPECT_EQ(split("deepseek-coder", "\U00011f43\U0001fa75"), (Words{"\U00011f43", "\U0001fa75"}));
  EXPECT_EQ(split("deepseek-v3", "\U0001fa75a"), (Words{"\U0001fa75", "a"}));
  EXPECT_EQ(split("deepseek-v3",
                  "\xED\xA0\x80"
                  "a"),
            (Words{"\xED\xA0\x80"
                   "a"}))
      << "a lone surrogate is no symbol";
}

TEST(PreTokenizers, WhiteSpaceIsUnicodes) {
  EXPECT_EQ(split("gpt-2", "a\u3000\u2003b"), (Words{"a", "\u3000", "\u2003", "b"}));
  EXPECT_EQ(split("gpt-2", "a\u0085\u00a0b"), (Words{"a", "\u0085", "\u00a0", "b"}));
  // Neither is white space in Unicode, though PCRE2's \s takes the first.
  EXPECT_EQ(split("gpt-2", "!\u180e!"), (Words{"!\u180e!"}));
  EXPECT_EQ(split("gpt-2", "!\u200b!"), (Words{"!\u200b!"}));
}

TEST(PreTokenizers, NamesAreSortedAndFound) {
  const auto names = pre_tokenizer_names();
  EXPECT_TRUE(std::is_sorted(names.begin(), names.end()));
  EXPECT_EQ(std::adjacent_find(names.begin(), names.end()), names.end());
  for (const std::string_view name : {"default", "gpt-2", "smollm", "qwen2", "llama-bpe"})
    EXPECT_TRUE(std::binary_search(names.begin(), names.end(), name)) << name;
  for (const std::string_view name : names) EXPECT_NE(find_pre_tokenizer(name), nullptr) << name;
  EXPECT_EQ(find_pre_tokenizer("nobody's"), nullptr);
}

TEST(PreTokenizers, ThePageListsThem) {
  std::ifstream file(INGOT_SOURCE_DIR "/docs/vocabularies.md");
  std::string page, word;
  while (file >> word)
    page += fmt::format(" {} ", word.ends_with(',') || word.ends_with(';') ? word.substr(0, word.size() - 1) : word);
  for (const std::string_view name : pre_tokenizer_names())
    EXPECT_NE(page.find(fmt::format(" {} ", name)), std::string::npos) << name;
}

// No byte is lost or doubled, whatever the text; lone surrogates and NUL among it.
TEST(PreTokenizers, WordsJoinedAreTheText) {
  std::mt19937 random(3);
  const std::string parts[] = {"word",       "Ab",           " ",
                               "  ",         "\n",           "\r\n",
                               "7",          "'s",           "'",
                               "!?",         "\u00e9\u0301", "\u4f60",
                               "\U0001f642", "\xED\xA0\x80", std::string(1, '\0'),
                               "\u180e",     "\u2028",       "\t"};
  for (const std::string_view name : pre_tokenizer_names()) {
    const WordSplitter splitter(*find_pre_tokenizer(name));
    EXPECT_TRUE(splitter.split("").size() <= 1);
    for (int round = 0; round < 300; round++) {
      std::string text, joined;
      for (unsigned n = 1 + random() % 20; n > 0; n--) text += parts[random() % std::size(parts)];
      for (const std::string_view word : splitter.split(text)) {
        ASSERT_FALSE(word.empty());
        joined += word;
      }
      ASSERT_EQ(joined, text) << name;
    }
  }
}

// Four times the text takes about four times as many steps; with a rule that tries a run from each of its characters it
// is sixteen times.
TEST(PreTokenizers, StepsGrowWithTheText) {
  std::set<const PreTokenizer*> tried;
  const auto shorter = tests::long_texts(1 << 11), longer = tests::long_texts(1 << 13);
  for (const std::string_view name : pre_tokenizer_names()) {
    if (!tried.insert(find_pre_tokenizer(name)).second) continue;
    const WordSplitter splitter(*find_pre_tokenizer(name));
    for (size_t i = 0; i < longer.size(); i++) {
      const std::string small = lenient_utf8(shorter[i].second), large = lenient_utf8(longer[i].second);
      uint64_t before = 0, after = 0;
      splitter.split(small, &before);
      const auto words = splitter.split(large, &after);
      EXPECT_GE(before, small.size()) << name << ": " << longer[i].first;
      EXPECT_LE(after, 5 * before) << name << ": " << longer[i].first;
      EXPECT_EQ(words, splitter.split(large)) << name << ": " << longer[i].first << ": counting changes the words";
      size_t bytes = 0;
      for (const std::string_view word : words) bytes += word.size();
      EXPECT_EQ(bytes, large.size()) << name << ": " << longer[i].first;
    }
  }
}

}  // namespace
}  // namespace ingot::text
