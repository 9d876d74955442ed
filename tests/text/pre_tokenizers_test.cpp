// Each named rule on sentences whose words are known, and what holds for every rule.
#include "text/pre_tokenizers.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <stdexcept>

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
  EXPECT_EQ(split("gpt-2", "Hello  world's 1234!? \n\n x"), (Words{"Hello", " ", " world", "'s", " 1234", "!?", " \n\n", " x"}));
  EXPECT_EQ(split("gpt-2", "I'LL we'll"), (Words{"I", "'", "LL", " we", "'ll"}));
  EXPECT_EQ(split("gpt-2", "  "), (Words{"  "}));
  EXPECT_EQ(split("gpt-2", "\na"), (Words{"\n", "a"}));
  EXPECT_EQ(split("gpt-2", "gr\u00fc\u00df dich, \u4f60\u597d\uff01"), (Words{"gr\u00fc\u00df", " dich", ",", " \u4f60\u597d", "\uff01"}));
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

TEST(PreTokenizers, LongRuns) {
  for (const std::string_view name : {"default", "gpt-2", "smollm", "falcon", "llama-bpe", "qwen2"}) {
    const WordSplitter splitter(*find_pre_tokenizer(name));
    for (const char c : {'a', ' ', '\n', '!', '1'}) {
      const std::string text(1 << 20, c);
      size_t bytes = 0;
      for (const std::string_view word : splitter.split(text)) bytes += word.size();
      EXPECT_EQ(bytes, text.size()) << name << ' ' << c;
    }
  }
}

}  // namespace
}  // namespace ingot::text
