// SPM on small vocabularies, against the plain reference, and its errors.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "ingot/error.h"
#include "refusal.h"
#include "vocabularies.h"

namespace ingot::text {
namespace {

constexpr int32_t first_byte = 3;  // id of <0x00> in spm_vocabulary

Vocabulary without_prefix(Vocabulary v) {
  v.add_space_prefix = false;
  return v;
}

TEST(Spm, HighestScoreFirstThenLeftmost) {
  const Vocabulary v =
      without_prefix(spm_vocabulary({{"a", -9}, {"b", -9}, {"c", -9}, {"ab", -2}, {"bc", -1}, {"aa", -3}}));
  EXPECT_EQ(encode(v, "abc"), (Ids{id_of(v, "a"), id_of(v, "bc")}));
  EXPECT_EQ(encode(v, "aaa"), (Ids{id_of(v, "aa"), id_of(v, "a")}));
  EXPECT_EQ(encode(v, "cab"), (Ids{id_of(v, "c"), id_of(v, "ab")}));
}

TEST(Spm, LongerTokensNeedTheirParts) {
  const Vocabulary v = without_prefix(spm_vocabulary({{"a", -1}, {"b", -1}, {"c", -1}, {"abc", -1}}));
  EXPECT_EQ(encode(v, "abc"), (Ids{id_of(v, "a"), id_of(v, "b"), id_of(v, "c")})) << "neither ab nor bc is a token";
}

TEST(Spm, WhatIsNoTokenIsSpelledInBytes) {
  const Vocabulary v = without_prefix(spm_vocabulary({{"a", -1}}));
  const auto tokenizer = Tokenizer::make(v);
  const Ids ids = tokenizer->encode("a\u20ac\n", false, false);
  EXPECT_EQ(ids, (Ids{id_of(v, "a"), first_byte + 0xE2, first_byte + 0x82, first_byte + 0xAC, first_byte + '\n'}));
  EXPECT_EQ(decoded(*tokenizer, ids), "a\u20ac\n");
}

TEST(Spm, WithoutByteTokensEveryByteIsUnknown) {
  const Vocabulary v = without_prefix(spm_vocabulary({{"a", -1}}, false));
  EXPECT_EQ(encode(v, "a\u00e9"), (Ids{id_of(v, "a"), 0, 0}));
}

TEST(Spm, SpacesAreMarkedAndThePrefixIsTakenBack) {
  const std::vector<Scored> tokens{{"\u2581", -3}, {"a", -2}, {"\u2581a", -1}};
  const Vocabulary v = spm_vocabulary(tokens);
  const int32_t marked = id_of(v, "\u2581a");
  const auto tokenizer = Tokenizer::make(v);
  EXPECT_EQ(tokenizer->encode("a a", false, false), (Ids{marked, marked}));
  EXPECT_EQ(decoded(*tokenizer, {marked, marked}), "a a");
  EXPECT_EQ(tokenizer->piece(marked, true, false), "a");
  EXPECT_EQ(tokenizer->piece(marked, false, false), " a");
  EXPECT_EQ(tokenizer->encode("", false, false), Ids{});
  const auto bare = Tokenizer::make(without_prefix(v));
  EXPECT_EQ(bare->encode("a a", false, false), (Ids{id_of(v, "a"), marked}));
  EXPECT_EQ(bare->piece(marked, true, false), " a") << "without a prefix the space is the text's own";
}

TEST(Spm, ThePrefixComesAgainAfterASpecialToken) {
  const Vocabulary v = spm_vocabulary({{"\u2581", -3}, {"a", -2}, {"\u2581a", -1}});
  const auto tokenizer = Tokenizer::make(v);
  const int32_t marked = id_of(v, "\u2581a");
  EXPECT_EQ(tokenizer->encode("a</s>a", true, true), (Ids{1, marked, 2, marked}));
}

TEST(Spm, ControlTokensAreShownOnlyOnRequest) {
  const auto tokenizer = Tokenizer::make(spm_vocabulary({}));
  for (const int32_t id : {0, 1, 2}) EXPECT_EQ(tokenizer->piece(id, false, false), "");
  EXPECT_EQ(tokenizer->piece(0, false, true), "<unk>");
  EXPECT_EQ(tokenizer->piece(2, false, true), "</s>");
}

// The plain reference: look for the pair that joins to the best token in the whole text, do the leftmost one, begin
// again.
Ids plain_spm(const Vocabulary& v, std::vector<std::string> symbols) {
  while (true) {
    float best = -INFINITY;
    size_t at = symbols.size();
    for (size_t i = 0; i + 1 < symbols.size(); i++) {
      const int32_t id = id_of(v, symbols[i] + symbols[i + 1]);
      if (id >= 0 && v.scores[static_cast<size_t>(id)] > best) best = v.scores[static_cast<size_t>(id)], at = i;
    }
    if (at == symbols.size()) break;
    symbols[at] += symbols[at + 1];
    symbols.erase(symbols.begin() + static_cast<ptrdiff_t>(at) + 1);
  }
  Ids ids;
  for (const std::string& symbol : symbols) {
    const int32_t id = id_of(v, symbol);
    if (id >= 0) {
      ids.push_back(id);
    } else {
      for (const char byte : symbol) ids.push_back(first_byte + static_cast<uint8_t>(byte));
    }
  }
  return ids;
}

TEST(Spm, AgreesWithTheReference) {
  std::mt19937 random(6);
  const std::string letters[] = {"a", "b", "\u00e9", "\U0001f642"};
  for (int round = 0; round < 100; round++) {
    std::vector<Scored> tokens;
    std::vector<std::string> parts{"a", "b", "\u00e9"};  // the fourth letter is never a token
    for (const std::string& part : parts) tokens.push_back({part, -10});
    for (int n = 0; n < 12; n++) {
      const std::string joined = parts[random() % parts.size()] + parts[random() % parts.size()];
      if (std::find(parts.begin(), parts.end(), joined) != parts.end()) continue;
      parts.push_back(joined);
      tokens.push_back({joined, -static_cast<float>(random() % 5)});  // equal scores happen
    }
    const Vocabulary v = without_prefix(spm_vocabulary(tokens));
    const auto tokenizer = Tokenizer::make(v);
    for (int k = 0; k < 20; k++) {
      std::vector<std::string> symbols;
      std::string text;
      for (unsigned n = 1 + random() % 25; n > 0; n--) {
        symbols.push_back(letters[random() % std::size(letters)]);
        text += symbols.back();
      }
      ASSERT_EQ(tokenizer->encode(text, false, false), plain_spm(v, symbols)) << text;
    }
  }
}

// Tokens so long that they are not looked up by their hash. A text is a part, cut where it was joined and mixed with
// others, so that merges reach the long ones; some joined parts are not tokens, so that not all of them do.
TEST(Spm, AgreesWithTheReferenceOnLongTokens) {
  std::mt19937 random(8);
  size_t n_long = 0;
  for (int round = 0; round < 30; round++) {
    std::vector<Scored> tokens{{"a", -10}, {"b", -10}};
    std::vector<std::string> parts{"a", "b"};
    const auto recent = [&] { return parts[parts.size() - 1 - random() % std::min<size_t>(parts.size(), 5)]; };
    while (parts.size() < 30) {
      std::string joined = recent() + recent();
      if (joined.size() > 300) joined = parts[random() % 6] + parts[random() % 6];
      if (std::find(parts.begin(), parts.end(), joined) != parts.end()) joined = recent() + parts[random() % 2];
      if (std::find(parts.begin(), parts.end(), joined) != parts.end()) continue;
      parts.push_back(joined);
      if (random() % 12 != 0) tokens.push_back({joined, -static_cast<float>(random() % 3)});
    }
    const Vocabulary v = without_prefix(spm_vocabulary(tokens, false));
    const auto tokenizer = Tokenizer::make(v);
    for (int k = 0; k < 10; k++) {
      std::string text;
      while (text.size() < 400) text += recent();
      std::vector<std::string> symbols;
      for (const char letter : text) symbols.emplace_back(1, letter);
      const Ids ids = tokenizer->encode(text, false, false);
      ASSERT_EQ(ids, plain_spm(v, symbols)) << text;
      for (const int32_t id : ids) n_long += v.tokens[static_cast<size_t>(id)].size() > 64;
    }
  }
  EXPECT_GT(n_long, 100u);
}

// Steps per byte of the text do not depend on the lengths of tokens: here those that are all prefixes of each other, a
// token of one mebibyte with all that it takes to reach it, and long tokens that are begun everywhere and never
// reached. Hashing every candidate takes thousands of steps per byte.
TEST(Spm, StepsAreLinearWhateverTheTokensAre) {
  std::vector<std::pair<std::vector<Scored>, std::string>> cases(4);
  const std::string letters(100'000, 'a');
  for (size_t n = 1; n <= 4000; n++) cases[0].first.push_back({std::string(n, 'a'), static_cast<float>(n)});
  cases[0].second = letters;
  for (size_t n = 1; n <= 1 << 20; n *= 2) cases[1].first.push_back({std::string(n, 'a'), static_cast<float>(n)});
  cases[1].second = std::string((1 << 20) + 12345, 'a');
  for (size_t n = 1; n <= 4000; n++) {
    cases[2].first.push_back({std::string(n, 'a'), 1});
    cases[2].first.push_back({std::string(n, 'a') + std::string(4000, 'b'), 1});
  }
  cases[2].second = letters;
  cases[3].first = cases[0].first;
  while (cases[3].second.size() < 100'000) cases[3].second += std::string(3999, 'a') + "b";
  for (size_t i = 0; i < cases.size(); i++) {
    const auto& [tokens, text] = cases[i];
    uint64_t steps = 0;
    const auto tokenizer = Tokenizer::make(without_prefix(spm_vocabulary(tokens)));
    const Ids ids = tokenizer->encode(text, false, false, {}, &steps);
    EXPECT_EQ(decoded(*tokenizer, ids).size(), text.size());
    EXPECT_GE(steps, text.size());
    EXPECT_LE(steps, 200 * text.size()) << "case " << i;
  }
}

// All but the space: a damaged character just before it swallows the mark that it becomes, in llama.cpp as here.
TEST(Spm, AnyBytesComeBack) {
  const auto tokenizer = Tokenizer::make(spm_vocabulary({{"\u2581", -1}, {"a", -2}, {"\u00e9", -2}}));
  std::mt19937 random(7);
  for (int round = 0; round < 500; round++) {
    std::string bytes;
    for (unsigned n = random() % 20; n > 0; n--) bytes += static_cast<char>(random());
    std::erase(bytes, ' ');
    EXPECT_EQ(decoded(*tokenizer, tokenizer->encode(bytes, false, false)), bytes);
  }
}

// With merges that scan the text again after each step this would take hours.
TEST(Spm, OneMebibyteOfOneLetter) {
  const auto tokenizer =
      Tokenizer::make(without_prefix(spm_vocabulary({{"a", -4}, {"aa", -1}, {"aaaa", -2}, {"aaaaaaaa", -3}})));
  EXPECT_EQ(tokenizer->encode(std::string(1 << 20, 'a'), false, false).size(), (1u << 20) / 8);
}

TEST(Spm, RefusesWhatDoesNotFit) {
  Vocabulary v = spm_vocabulary({{"a", -1}});
  EXPECT_EQ(refusal(v), "accepted");
  v.scores.pop_back();
  EXPECT_NE(refusal(v).find("scores do not match the tokens; got 259 scores; expected 260"), std::string::npos);
  v.scores.push_back(NAN);
  EXPECT_NE(refusal(v).find("the score of token 259 is not a number"), std::string::npos);

  v = spm_vocabulary({{"a", -1}});
  v.tokens[first_byte + 9] = "<0x9>";
  EXPECT_NE(refusal(v).find("token 12 is a byte token but does not spell a byte; got \"<0x9>\""), std::string::npos);

  v = spm_vocabulary({{"a", -1}}, false);
  v.unknown = -1;
  EXPECT_NE(refusal(v).find("no token for byte 0x00"), std::string::npos);
}

}  // namespace
}  // namespace ingot::text
