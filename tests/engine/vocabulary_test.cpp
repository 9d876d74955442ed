// From a model file to token ids: reading of the metadata, and real vocabularies against llama.cpp's ids
// (tests/text/golden, made by tools/goldens/tokenizer.py).
#include "engine/vocabulary.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>

#include "engine/load.h"
#include "support/gguf_builder.h"
#include "support/long_texts.h"
#include "support/models.h"

namespace ingot {
namespace {

using test::GgufBuilder;
using Ids = std::vector<int32_t>;

text::Vocabulary read(const GgufBuilder& file, std::string_view pre = {}) {
  const std::string path = testing::TempDir() + "ingot_vocabulary_" + std::to_string(getpid()) + ".gguf";
  file.write(path);
  struct Removed {
    const std::string& path;
    ~Removed() { std::remove(path.c_str()); }
  } removed{path};
  return engine::vocabulary_from(container::Gguf::open(path, foundry::geometry_of), pre);
}

GgufBuilder with_tokens(const std::string& model, const std::vector<std::string>& tokens) {
  GgufBuilder file;
  file.kv("tokenizer.ggml.model", model).array("tokenizer.ggml.tokens", tokens);
  return file;
}

TEST(VocabularyFrom, ReadsEveryKey) {
  GgufBuilder file = with_tokens("gpt2", {"a", "b", "ab", "<x>"});
  file.kv("tokenizer.ggml.pre", "smollm").array("tokenizer.ggml.token_type", std::vector<int32_t>{1, 0, 5, 4});
  file.array("tokenizer.ggml.scores", std::vector<float>{-1, -2, -3, -4})
      .array("tokenizer.ggml.merges", std::vector<std::string>{"a b"});
  file.kv("tokenizer.ggml.bos_token_id", uint32_t{0}).kv("tokenizer.ggml.eos_token_id", uint32_t{1});
  file.kv("tokenizer.ggml.eot_token_id", uint32_t{2}).kv("tokenizer.ggml.unknown_token_id", uint32_t{3});
  file.kv("tokenizer.ggml.add_bos_token", true)
      .kv("tokenizer.ggml.add_eos_token", true)
      .kv("tokenizer.ggml.add_space_prefix", true);
  const text::Vocabulary v = read(file);
  using enum text::TokenType;
  EXPECT_EQ(v.model, "gpt2");
  EXPECT_EQ(v.pre, "smollm");
  EXPECT_EQ(v.tokens, (std::vector<std::string>{"a", "b", "ab", "<x>"}));
  EXPECT_EQ(v.types, (std::vector<text::TokenType>{normal, normal, unused, user_defined}));
  EXPECT_EQ(v.scores, (std::vector<float>{-1, -2, -3, -4}));
  EXPECT_EQ(v.merges, std::vector<std::string>{"a b"});
  EXPECT_EQ((Ids{v.bos, v.eos, v.eot, v.unknown}), (Ids{0, 1, 2, 3}));
  EXPECT_TRUE(v.add_bos && v.add_space_prefix);
  EXPECT_TRUE(v.ends.empty());
}

TEST(VocabularyFrom, TakesWhatIsUnsaidFromTheKind) {
  const text::Vocabulary spm = read(with_tokens("llama", {"<unk>", "<s>", "a"})),
                         bpe = read(with_tokens("gpt2", {"a"}));
  EXPECT_TRUE(spm.add_bos && spm.add_space_prefix && spm.bos == 1);
  EXPECT_TRUE(!bpe.add_bos && !bpe.add_space_prefix && bpe.bos == -1);
  EXPECT_EQ(bpe.types, std::vector<text::TokenType>{text::TokenType::normal});
}

TEST(VocabularyFrom, KnowsEndsByTheirSpelling) {
  GgufBuilder file = with_tokens("gpt2", {"a", "<|im_end|>", "<|im_start|>", "</s>", "<|fim_prefix|>"});
  file.array("tokenizer.ggml.token_type", std::vector<int32_t>{1, 3, 3, 4, 4});
  const text::Vocabulary v = read(file);
  EXPECT_EQ(v.ends, (Ids{1, 3}));
  EXPECT_EQ(v.types[3], text::TokenType::control);
  EXPECT_EQ(v.types[4], text::TokenType::control);
  EXPECT_EQ(v.types[0], text::TokenType::normal);
}

TEST(VocabularyFrom, ReadsEveryEndThatAFileNames) {
  int32_t id = 0;
  for (const char* key :
       {"eos_token_id", "eot_token_id", "eom_token_id", "fim_pad_token_id", "fim_rep_token_id", "fim_sep_token_id"}) {
    const std::unique_ptr<text::Tokenizer> tokenizer =
        text::Tokenizer::make(read(with_tokens("gpt2", {"a", "b", "c", "d", "e", "f", "g"})
                                       .kv(std::string("tokenizer.ggml.") + key, static_cast<uint32_t>(++id))));
    for (int32_t i = 0; i < 7; i++) EXPECT_EQ(tokenizer->is_eog(i), i == id) << key << i;
  }
  EXPECT_THROW(text::Tokenizer::make(read(with_tokens("gpt2", {"a"}).kv("tokenizer.ggml.eom_token_id", uint32_t{1}))),
               Error);
}

TEST(VocabularyFrom, SaysWhatIsAGuess) {
  const auto warnings = [](const GgufBuilder& built, std::string_view pre = "") {
    const std::string path = testing::TempDir() + "ingot_warnings_" + std::to_string(getpid()) + ".gguf";
    built.write(path);
    const Tokenizer tokenizer = load_tokenizer(path, std::string(pre));
    std::remove(path.c_str());
    return tokenizer.warnings();
  };
  GgufBuilder bpe = with_tokens("gpt2", {"a"});
  ASSERT_EQ(warnings(bpe).size(), 1u);
  EXPECT_NE(warnings(bpe)[0].find("does not name its pre-tokenizer (tokenizer.ggml.pre)"), std::string::npos);
  EXPECT_NE(warnings(bpe)[0].find("--pre"), std::string::npos);
  EXPECT_TRUE(warnings(bpe, "gpt-2").empty());
  EXPECT_TRUE(warnings(bpe.kv("tokenizer.ggml.pre", "smollm")).empty());
}

TEST(VocabularyFrom, KnowsTokensThatStrip) {
  GgufBuilder file =
      with_tokens("llama", {"<unk>", "<s>", "</s>", "a", "<|endoftext|>", "<|assistant|>", "<|placeholder1|>"});
  file.array("tokenizer.ggml.token_type", std::vector<int32_t>{2, 3, 4, 1, 3, 3, 3});
  EXPECT_EQ(read(file).stripping, (Ids{2, 5, 6}));
  file = with_tokens("llama", {"<unk>", "<s>", "</s>", "a", "<|endoftext|>", "<|assistant|>", "<|user|>"});
  file.array("tokenizer.ggml.token_type", std::vector<int32_t>{2, 3, 4, 1, 3, 3, 3});
  EXPECT_EQ(read(file).stripping, Ids{}) << "another family";
}

TEST(VocabularyFrom, AnotherPreTokenizerCanBeForced) {
  GgufBuilder file = with_tokens("gpt2", {"a"});
  file.kv("tokenizer.ggml.pre", "smollm");
  EXPECT_EQ(read(file).pre, "smollm");
  const text::Vocabulary forced = read(file, "llama-bpe");
  EXPECT_EQ(forced.pre, "llama-bpe");
  EXPECT_TRUE(forced.add_bos) << "what the file leaves unsaid comes with the rule";
  EXPECT_FALSE(read(file.kv("tokenizer.ggml.add_bos_token", false), "llama-bpe").add_bos);
  EXPECT_EQ(read(file, "nobody's").pre, "nobody's") << "text::Tokenizer::make refuses it";
  try {
    read(with_tokens("llama", {"<unk>", "<s>", "a"}), "gpt-2");
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("this vocabulary uses no pre-tokenizer"), std::string::npos);
  }
}

TEST(VocabularyFrom, RefusesWhatCannotBe) {
  EXPECT_THROW(read(GgufBuilder()), Error);
  EXPECT_THROW(read(GgufBuilder().kv("tokenizer.ggml.model", "gpt2")), Error);
  EXPECT_THROW(read(with_tokens("gpt2", {"a"}).array("tokenizer.ggml.token_type", std::vector<int32_t>{7})), Error);
  EXPECT_THROW(read(with_tokens("gpt2", {"a"}).array("tokenizer.ggml.token_type", std::vector<int32_t>{-1})), Error);
  EXPECT_THROW(read(with_tokens("gpt2", {"a"}).kv("tokenizer.ggml.bos_token_id", uint32_t{1u << 31})), Error);
  EXPECT_THROW(read(with_tokens("gpt2", {"a"}).kv("tokenizer.ggml.bos_token_id", "a")), Error);
}

struct Real {
  const char *name, *file;
  friend void PrintTo(const Real& model, std::ostream* out) { *out << model.name; }
};

std::string from_hex(const std::string& hex) {
  std::string bytes;
  for (size_t i = 0; i < hex.size(); i += 2) bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  return bytes;
}

class RealVocabulary : public testing::TestWithParam<Real> {
 protected:
  void SetUp() override {
    const auto path = tests::model_path(GetParam().file);
    if (!path)
      GTEST_SKIP() << "no " << GetParam().file << " in the cache: tools/fetch_model.sh " << GetParam().name
                   << " fetches it";
    tokenizer_ = text::Tokenizer::make(engine::vocabulary_from(container::Gguf::open(*path, foundry::geometry_of)));
    std::ifstream golden(std::string(INGOT_SOURCE_DIR "/tests/text/golden/") + GetParam().name + ".json");
    golden_ = nlohmann::json::parse(golden);
  }
  static std::string text_of(const nlohmann::json& golden_case) {
    return golden_case.contains("text") ? golden_case["text"].get<std::string>()
                                        : from_hex(golden_case["hex"].get<std::string>());
  }
  std::string decoded(const Ids& ids) const {
    std::string text;
    for (size_t i = 0; i < ids.size(); i++) text += tokenizer_->piece(ids[i], i == 0, true);
    return text;
  }

  std::unique_ptr<text::Tokenizer> tokenizer_;
  nlohmann::json golden_;
};

TEST_P(RealVocabulary, IdsAreLlamaCpps) {
  const Ids before = golden_["before"], after = golden_["after"];
  ASSERT_GE(golden_["cases"].size(), 400u);
  for (const auto& golden_case : golden_["cases"]) {
    const std::string text = text_of(golden_case);
    for (const bool parse : {false, true}) {
      Ids expected = golden_case[parse && golden_case.contains("parsed") ? "parsed" : "ids"];
      EXPECT_EQ(tokenizer_->encode(text, false, parse), expected) << golden_case;
      expected.insert(expected.begin(), before.begin(), before.end());
      expected.insert(expected.end(), after.begin(), after.end());
      EXPECT_EQ(tokenizer_->encode(text, true, parse), expected) << golden_case;
    }
  }
}

TEST_P(RealVocabulary, PiecesAreLlamaCpps) {
  ASSERT_GE(golden_["pieces"].size(), 300u);
  for (const auto& piece : golden_["pieces"]) {
    EXPECT_EQ(tokenizer_->piece(piece[0], false, false), from_hex(piece[1])) << piece;
    EXPECT_EQ(tokenizer_->piece(piece[0], false, true), from_hex(piece[2])) << piece;
  }
}

TEST_P(RealVocabulary, EndsAreLlamaCpps) {
  Ids ends;
  for (size_t id = 0; id < tokenizer_->vocabulary().tokens.size(); id++) {
    if (tokenizer_->is_eog(static_cast<int32_t>(id))) ends.push_back(static_cast<int32_t>(id));
  }
  EXPECT_EQ(ends, golden_["ends"].get<Ids>());
}

// U+2581 comes back as the space that it stands for in SPM, and some bytes SmolLM2 has no token for (those of planes
// where no character is); nothing else changes.
TEST_P(RealVocabulary, TextComesBack) {
  std::array<bool, 256> can_say{};
  for (size_t id = 0; id < tokenizer_->vocabulary().tokens.size(); id++) {
    for (const char byte : tokenizer_->piece(static_cast<int32_t>(id), false, false))
      can_say[static_cast<uint8_t>(byte)] = true;
  }
  int compared = 0;
  for (const auto& golden_case : golden_["cases"]) {
    if (!golden_case.contains("text")) continue;
    const std::string text = text_of(golden_case);
    const bool sayable =
        std::all_of(text.begin(), text.end(), [&](char byte) { return can_say[static_cast<uint8_t>(byte)]; });
    if (!sayable || text.find("\u2581") != std::string::npos) continue;
    EXPECT_EQ(decoded(tokenizer_->encode(text, false, true)), text);
    compared++;
  }
  EXPECT_GT(compared, 350);
}

TEST_P(RealVocabulary, LongTextsComeBack) {
  for (const std::string part :
       {"a", " ", "\n", "\t", "9", "<", "ab1 ", "gr\u00fcn \u4f60\u597d \U0001f642, \u0440\u0430\u0437\n"}) {
    std::string text;
    while (text.size() < 1 << 20) text += part;
    EXPECT_TRUE(decoded(tokenizer_->encode(text, false, true)) == text) << part;
  }
}

TEST_P(RealVocabulary, StepsGrowWithTheText) {
  const auto shorter = tests::long_texts(1 << 12), longer = tests::long_texts(1 << 14);
  for (size_t i = 0; i < longer.size(); i++) {
    uint64_t before = 0, after = 0;
    tokenizer_->encode(shorter[i].second, false, true, {}, &before);
    tokenizer_->encode(longer[i].second, false, true, {}, &after);
    EXPECT_GE(before, shorter[i].second.size()) << longer[i].first;
    EXPECT_LE(after, 5 * before) << longer[i].first;
  }
}

// Token by token, what a reader is shown is well-formed at every moment and right in the end.
TEST_P(RealVocabulary, StreamingNeverSplitsACharacter) {
  size_t waited = 0;
  for (const auto& golden_case : golden_["cases"]) {
    std::string shown, held, whole;
    for (const int32_t id : golden_case["ids"].get<Ids>()) {
      const std::string piece = tokenizer_->piece(id, false, false);
      whole += piece;
      held += piece;
      const size_t complete = text::complete_utf8(held);
      waited += complete < held.size();
      shown += text::repair_utf8(held.substr(0, complete));
      held.erase(0, complete);
      ASSERT_EQ(text::complete_utf8(shown), shown.size());
    }
    EXPECT_EQ(shown + text::repair_utf8(held), text::repair_utf8(whole));
  }
  EXPECT_GT(waited, 0u) << "no token ended inside a character, so nothing was tried";
}

INSTANTIATE_TEST_SUITE_P(Models, RealVocabulary,
                         testing::Values(Real{"smollm2", "smollm2-135m-instruct-q4_1.gguf"},
                                         Real{"gemma3", "gemma-3-270m-q4_k_m.gguf"}),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace ingot
