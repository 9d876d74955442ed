// Byte-level BPE on small vocabularies, against the plain reference, and its errors.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "ingot/error.h"
#include "refusal.h"
#include "vocabularies.h"

namespace ingot::text {
namespace {

TEST(Bpe, BestRankFirstThenLeftmost) {
  const Vocabulary v = bpe_vocabulary({"b c", "a b", "a a", "ab c"});
  EXPECT_EQ(encode(v, "abc"), (Ids{id_of(v, "a"), id_of(v, "bc")}))
      << "bc has the better rank, so ab and abc never come";
}

TEST(Bpe, MergesLeftmostOfEqualRank) {
  const Vocabulary v = bpe_vocabulary({"a a"});
  const int32_t a = id_of(v, "a"), aa = id_of(v, "aa");
  EXPECT_EQ(encode(v, "aaa"), (Ids{aa, a}));
  EXPECT_EQ(encode(v, "aaaa"), (Ids{aa, aa}));
}

TEST(Bpe, ALaterMergeNeedsItsParts) {
  const Vocabulary v = bpe_vocabulary({"a b", "ab c", "c d"});
  EXPECT_EQ(encode(v, "abcd"), (Ids{id_of(v, "abc"), id_of(v, "d")}));
  EXPECT_EQ(encode(v, "bcd"), (Ids{id_of(v, "b"), id_of(v, "cd")}));
}

// After "bc" the pair of "a" and "b" is gone; its place in the queue must not stand for "a" and "bc", whose turn comes
// later.
TEST(Bpe, AMergeWhosePartsChangedIsForgotten) {
  const Vocabulary v = bpe_vocabulary({"b c", "a b", "bc d", "a bc"});
  EXPECT_EQ(encode(v, "abcd"), (Ids{id_of(v, "a"), id_of(v, "bcd")}));
}

TEST(Bpe, OfEqualMergesTheFirstCounts) {
  Vocabulary v = bpe_vocabulary({"a b", "b c"});
  v.merges.push_back("a b");
  EXPECT_EQ(encode(v, "abc"), (Ids{id_of(v, "ab"), id_of(v, "c")}));
}

TEST(Bpe, SpacesAndBytesAreSpelledAsGpt2Does) {
  const Vocabulary v = bpe_vocabulary({"\u0120 t"});  // U+0120 spells the space
  const auto tokenizer = Tokenizer::make(v);
  EXPECT_EQ(tokenizer->encode("a t", false, false), (Ids{id_of(v, "a"), id_of(v, "\u0120t")}));
  EXPECT_EQ(tokenizer->piece(id_of(v, "\u0120t"), false, false), " t");
  EXPECT_EQ(tokenizer->piece(id_of(v, "\u0120t"), true, false), " t") << "BPE has no prefix space to drop";
  for (int32_t byte = 0; byte < 256; byte++)
    EXPECT_EQ(tokenizer->piece(byte, false, false), std::string(1, static_cast<char>(byte)));
}

TEST(Bpe, MergesStayInsideWords) {
  const Vocabulary v = bpe_vocabulary({"a b", "1 2"}, "smollm");
  EXPECT_EQ(encode(v, "ab12"), (Ids{id_of(v, "ab"), id_of(v, "1"), id_of(v, "2")}));
  EXPECT_EQ(encode(bpe_vocabulary({"a b", "1 2"}, "gpt-2"), "ab12"), (Ids{id_of(v, "ab"), id_of(v, "12")}));
}

TEST(Bpe, WholeWordsComeFirstWhereTheRuleSaysSo) {
  Vocabulary v = bpe_vocabulary({"a b"}, "llama-bpe");
  const int32_t abc = add_token(v, "abc", TokenType::normal);  // no merge leads to it
  v.bos = 0;
  EXPECT_EQ(encode(v, "abc"), (Ids{abc}));
  v.pre = "qwen2";
  EXPECT_EQ(encode(v, "abc"), (Ids{id_of(v, "ab"), id_of(v, "c")}));
}

// The plain reference: look for the best merge in the whole word, do the leftmost one, begin again.
Ids plain_bpe(const Vocabulary& v, std::string_view word) {
  std::vector<std::string> symbols;
  for (const char c : word) symbols.push_back(byte_spelling(static_cast<uint8_t>(c)));
  while (true) {
    size_t best = v.merges.size(), at = 0;
    for (size_t i = 0; i + 1 < symbols.size(); i++) {
      const auto found = std::find(v.merges.begin(), v.merges.end(), symbols[i] + ' ' + symbols[i + 1]);
      const auto rank = static_cast<size_t>(found - v.merges.begin());
      if (rank < best) best = rank, at = i;
    }
    if (best == v.merges.size()) break;
    symbols[at] += symbols[at + 1];
    symbols.erase(symbols.begin() + static_cast<ptrdiff_t>(at) + 1);
  }
  Ids ids;
  for (const std::string& symbol : symbols) ids.push_back(id_of(v, symbol));
  return ids;
}

TEST(Bpe, AgreesWithTheReference) {
  std::mt19937 random(4);
  for (int round = 0; round < 150; round++) {
    std::vector<std::string> merges, parts{"a", "b", "c"};
    for (int n = 0; n < 12; n++) {
      const std::string left = parts[random() % parts.size()], right = parts[random() % parts.size()];
      if (std::find(parts.begin(), parts.end(), left + right) != parts.end()) continue;
      merges.push_back(left + ' ' + right);
      parts.push_back(left + right);
    }
    const Vocabulary v = bpe_vocabulary(merges);
    const auto tokenizer = Tokenizer::make(v);
    for (int k = 0; k < 20; k++) {
      std::string word;
      for (unsigned n = 1 + random() % 30; n > 0; n--) word += static_cast<char>('a' + random() % 3);
      ASSERT_EQ(tokenizer->encode(word, false, false), plain_bpe(v, word)) << word;
    }
  }
}

TEST(Bpe, AnyBytesComeBackAsReadableText) {
  const auto tokenizer = Tokenizer::make(bpe_vocabulary({"a b"}));
  std::mt19937 random(5);
  for (int round = 0; round < 500; round++) {
    std::string bytes;
    for (unsigned n = random() % 20; n > 0; n--) bytes += static_cast<char>(random());
    EXPECT_EQ(decoded(*tokenizer, tokenizer->encode(bytes, false, true)), lenient_utf8(bytes));
  }
}

TEST(Bpe, AByteWithoutATokenIsLeftOut) {
  Vocabulary v = bpe_vocabulary({});
  v.tokens[id_of(v, "x")] = "";
  EXPECT_EQ(encode(v, "axb"), (Ids{id_of(v, "a"), id_of(v, "b")}));
}

// With merges that scan the word again after each step this would take hours.
TEST(Bpe, OneMebibyteOfOneLetter) {
  const auto tokenizer = Tokenizer::make(bpe_vocabulary({"a a", "aa aa", "aaaa aaaa"}));
  EXPECT_EQ(tokenizer->encode(std::string(1 << 20, 'a'), false, false).size(), (1u << 20) / 8);
}

// All pairs of the first n bytes are tokens.
Vocabulary pairs_vocabulary(unsigned n) {
  std::vector<std::string> merges;
  for (unsigned a = 0; a < n; a++) {
    for (unsigned b = 0; b < n; b++) merges.push_back(byte_spelling(a) + ' ' + byte_spelling(b));
  }
  return bpe_vocabulary(merges);
}

TEST(Bpe, EveryPairOfBytesCanBeMerged) {
  const Vocabulary v = pairs_vocabulary(256);
  EXPECT_EQ(encode(v, "ab\xc3\xa9"), (Ids{id_of(v, "ab"), id_of(v, byte_spelling(0xC3) + byte_spelling(0xA9))}));
}

TEST(Bpe, AddedTokensMayHoldCharactersThatSpellNoByte) {
  Vocabulary v = bpe_vocabulary({});
  const int32_t added = add_token(v, "<\u4f60 \u597d>", TokenType::user_defined),
                odd = add_token(v, "\u4f60a", TokenType::normal);
  const auto tokenizer = Tokenizer::make(v);
  EXPECT_EQ(tokenizer->encode("a<\u4f60 \u597d>", false, false), (Ids{id_of(v, "a"), added}));
  EXPECT_EQ(tokenizer->piece(added, false, false), "<\u4f60 \u597d>");
  EXPECT_EQ(tokenizer->piece(odd, false, false), "\u4f60a");
}

TEST(Bpe, RefusesBrokenMerges) {
  for (const char* merge : {"", "a", "a ", " a", "ab"}) {
    Vocabulary v = bpe_vocabulary({});
    v.merges = {merge};
    EXPECT_NE(refusal(v).find("merge 0 of the vocabulary is broken"), std::string::npos) << merge;
  }
  Vocabulary v = bpe_vocabulary({"a b"});
  v.merges.push_back("a zz");
  EXPECT_NE(refusal(v).find("merge 1 of the vocabulary is broken; got \"zz\""), std::string::npos);
  v.merges.back() = "a c";
  EXPECT_NE(refusal(v).find("got \"ac\"; expected a token"), std::string::npos);
}

TEST(Bpe, AnUnknownPreTokenizerListsTheKnownOnes) {
  Vocabulary v = bpe_vocabulary({});
  v.pre = "nobody's";
  const std::string text = refusal(v);
  EXPECT_NE(text.find("unknown pre-tokenizer; got \"nobody's\""), std::string::npos);
  EXPECT_NE(text.find("default, "), std::string::npos);
  EXPECT_NE(text.find("smollm"), std::string::npos);
}

}  // namespace
}  // namespace ingot::text
