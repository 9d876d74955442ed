// What both kinds of tokenizer share: begin and end tokens, end of generation, and the checks of a vocabulary.
#include "text/tokenizer.h"

#include <gtest/gtest.h>

#include "ingot/error.h"
#include "refusal.h"
#include "vocabularies.h"

namespace ingot::text {
namespace {

TEST(Tokenizer, BeginsTextsAndNeverEndsThem) {
  Vocabulary v = bpe_vocabulary({});
  v.bos = add_token(v, "<b>", TokenType::control);
  v.eos = add_token(v, "<e>", TokenType::control);
  v.add_bos = true;
  const auto tokenizer = Tokenizer::make(v);
  const int32_t x = id_of(v, "x");
  EXPECT_EQ(tokenizer->encode("x", true, false), (Ids{v.bos, x}));
  EXPECT_EQ(tokenizer->encode("x", false, false), (Ids{x}));
  EXPECT_EQ(tokenizer->encode("", true, false), (Ids{v.bos}));
  EXPECT_EQ(tokenizer->encode("<b>x", true, true), (Ids{v.bos, v.bos, x}));
  v.add_bos = false;
  EXPECT_EQ(Tokenizer::make(v)->encode("x", true, false), (Ids{x}));
}

TEST(Tokenizer, EndsOfGeneration) {
  Vocabulary v = bpe_vocabulary({});
  v.eos = 1;
  v.eot = 2;
  v.ends = {5, 7};
  const auto tokenizer = Tokenizer::make(v);
  for (int32_t id = -2; id < 300; id++)
    EXPECT_EQ(tokenizer->is_eog(id), id == 1 || id == 2 || id == 5 || id == 7) << id;
}

TEST(Tokenizer, WhatFilesLeaveUnsaid) {
  const Vocabulary spm = empty_vocabulary("llama", "default"), bpe = empty_vocabulary("gpt2", "smollm"),
                   begun = empty_vocabulary("gpt2", "llama-bpe");
  EXPECT_TRUE(spm.add_bos && spm.add_space_prefix);
  EXPECT_EQ(spm.unknown, 0);
  EXPECT_EQ(spm.bos, 1);
  EXPECT_EQ(spm.eos, 2);
  EXPECT_TRUE(!bpe.add_bos && !bpe.add_space_prefix && bpe.bos == -1);
  EXPECT_TRUE(begun.add_bos);
}

TEST(Tokenizer, RefusesWhatDoesNotFit) {
  const Vocabulary sound = bpe_vocabulary({"a b"});
  EXPECT_EQ(refusal(sound), "accepted");

  Vocabulary v = sound;
  v.model = "wordpiece";
  EXPECT_NE(refusal(v).find(
                "unknown vocabulary type; got \"wordpiece\"; expected \"gpt2\" (byte-level BPE) or \"llama\" (SPM)"),
            std::string::npos);

  v = sound;
  v.tokens.clear();
  v.types.clear();
  v.merges.clear();
  EXPECT_NE(refusal(v).find("the vocabulary is empty"), std::string::npos);

  v = sound;
  v.types.pop_back();
  EXPECT_NE(refusal(v).find("token types do not match the tokens; got 256 types; expected 257"), std::string::npos);

  v = sound;
  v.tokens[3] = v.tokens[65];
  EXPECT_NE(
      refusal(v).find("two tokens of the vocabulary have the same text; got \"" + v.tokens[3] + "\" as 3 and as 65"),
      std::string::npos);

  for (int32_t Vocabulary::* member : {&Vocabulary::bos, &Vocabulary::eos, &Vocabulary::eot, &Vocabulary::unknown}) {
    for (const int32_t id : {257, -2, INT32_MAX}) {
      v = sound;
      v.*member = id;
      EXPECT_NE(
          refusal(v).find("token is outside the vocabulary; got id " + std::to_string(id) + "; expected 0 to 256"),
          std::string::npos);
    }
  }
  v = sound;
  v.ends = {257};
  EXPECT_NE(refusal(v).find("the end token is outside the vocabulary"), std::string::npos);
  for (const int32_t id : {257, -1}) {
    v = sound;
    v.stripping = {id};
    EXPECT_NE(refusal(v).find("the stripping token is outside the vocabulary"), std::string::npos) << id;
  }
  v = sound;
  v.add_bos = true;
  EXPECT_NE(refusal(v).find("begin with the bos token, but there is none"), std::string::npos);
}

TEST(Tokenizer, TypesMayBeLeftOutAndTokensMayBeEmpty) {
  Vocabulary v = bpe_vocabulary({"a b"});
  v.types.clear();
  v.tokens.push_back("");
  v.tokens.push_back("");
  const auto tokenizer = Tokenizer::make(v);
  EXPECT_EQ(tokenizer->vocabulary().types.size(), v.tokens.size());
  EXPECT_EQ(tokenizer->encode("ab", false, true), (Ids{id_of(v, "ab")}));
  EXPECT_EQ(tokenizer->piece(257, false, false), "");
}

TEST(Tokenizer, NoPieceOutsideTheVocabulary) {
  const auto tokenizer = Tokenizer::make(bpe_vocabulary({}));
  for (const int32_t id : {-1, 256, INT32_MAX, INT32_MIN})
    EXPECT_THROW(tokenizer->piece(id, false, false), Error) << id;
}

}  // namespace
}  // namespace ingot::text
