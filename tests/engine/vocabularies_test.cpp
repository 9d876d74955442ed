// Vocabularies and pre-tokenizers of many families against llama.cpp: 10,000 strings each, whose ids
// tools/goldens/vocabularies.py has put into the cache folder.
#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <fstream>
#include <iterator>
#include <sstream>

#include "engine/load.h"
#include "engine/vocabulary.h"
#include "support/models.h"

namespace ingot {
namespace {

using Ids = std::vector<int32_t>;

/// Reads what vocabularies.py writes: numbers, and lists with their count in front.
class Answers {
 public:
  explicit Answers(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    bytes_.assign(std::istreambuf_iterator<char>(file), {});
  }
  int32_t number() {
    int32_t value = 0;
    std::memcpy(&value, take(4).data(), 4);
    return value;
  }
  std::string_view string() {
    const auto n = static_cast<size_t>(number());
    return take((n + 3) / 4 * 4).substr(0, n);
  }
  Ids ids() {
    Ids values(static_cast<size_t>(number()));
    if (!values.empty()) std::memcpy(values.data(), take(values.size() * 4).data(), values.size() * 4);
    return values;
  }

 private:
  std::string_view take(size_t n) {
    if (n > bytes_.size() - at_) throw std::out_of_range("the file of answers ends too early");
    at_ += n;
    return std::string_view(bytes_).substr(at_ - n, n);
  }
  std::string bytes_;
  size_t at_ = 0;
};

constexpr const char* how =
    "tools/fetch_vocabularies.sh, tools/fetch_model.sh and then tools/goldens/vocabularies.py make it; ./test --full "
    "runs all three";

/// The tokenizer of the file at `path`, cutting words by the rule `pre` instead of the file's own where one is given.
std::unique_ptr<text::Tokenizer> tokenizer_of(const std::string& path, const std::string& pre) {
  text::Vocabulary vocabulary = engine::vocabulary_from(container::Gguf::open(path, foundry::geometry_of));
  if (!pre.empty()) vocabulary.pre = pre;
  return text::Tokenizer::make(std::move(vocabulary));
}

/// Compares every id of every string; returns how many strings read differently where control tokens are parsed.
int compare(const text::Tokenizer& tokenizer, Answers& from_llama_cpp) {
  const int32_t n = from_llama_cpp.number();
  EXPECT_GE(n, 10000);
  int wrong = 0, parsed_differently = 0;
  for (int32_t i = 0; i < n; i++) {
    const std::string_view text = from_llama_cpp.string();
    const Ids plain = from_llama_cpp.ids(), parsed = from_llama_cpp.ids();
    parsed_differently += plain != parsed;
    for (const bool parse : {false, true}) {
      const Ids got = tokenizer.encode(text, false, parse);
      if (got == (parse ? parsed : plain)) continue;
      if (wrong++ < 3) {
        EXPECT_EQ(got, parse ? parsed : plain)
            << "string " << i << ", parsed " << parse << ": " << testing::PrintToString(text);
      }
    }
  }
  EXPECT_EQ(wrong, 0) << "of " << 2 * n;
  EXPECT_EQ(tokenizer.encode("", true, false), from_llama_cpp.ids());
  Ids ends;
  for (size_t id = 0; id < tokenizer.vocabulary().tokens.size(); id++) {
    if (tokenizer.is_eog(static_cast<int32_t>(id))) ends.push_back(static_cast<int32_t>(id));
  }
  EXPECT_EQ(ends, from_llama_cpp.ids());
  return parsed_differently;
}

/// `model`: in the cache folder. False when something is missing.
bool compare_named(const std::string& name, const std::string& model, const std::string& pre) {
  SCOPED_TRACE(name);
  const std::string path = tests::cache_folder() + model,
                    answers = tests::cache_folder() + "/vocabulary-ids/" + name + ".bin";
  if (!std::filesystem::exists(path) || !std::filesystem::exists(answers)) return false;
  Answers from_llama_cpp(answers);
  const int parsed_differently = compare(*tokenizer_of(path, pre), from_llama_cpp);
  if (pre.empty()) { EXPECT_GT(parsed_differently, 0) << "no string spells a control token"; }
  return true;
}

TEST(Vocabularies, IdsAreLlamaCpps) {
  std::vector<std::pair<std::string, std::string>> models{{"smollm2", "/models/smollm2-135m-instruct-q4_1.gguf"},
                                                          {"gemma3", "/models/gemma-3-270m-q4_k_m.gguf"}};
  for (const std::string name :
       {"aquila", "baichuan", "command-r", "deepseek-coder", "deepseek-llm", "falcon", "gpt-2", "gpt-neox", "llama-bpe",
        "llama-spm", "mpt", "phi-3", "qwen2", "qwen35", "refact", "starcoder"})
    models.emplace_back(name, "/llama-cpp-models/ggml-vocab-" + name + ".gguf");
  std::string missing;
  for (const auto& [name, model] : models) {
    if (!compare_named(name, model, "")) missing += " " + name;
  }
  if (!missing.empty() && !HasFailure())
    GTEST_SKIP() << "not compared, since the model or what llama.cpp says is not there:" << missing << "; " << how;
}

// A synthetic vocabulary in which any two bytes are a token: a word that ends elsewhere has other ids.
TEST(Vocabularies, EveryRuleCutsAsLlamaCppsDoes) {
  std::string missing;
  for (const std::string rule :
       {"default", "gpt-2", "smollm", "falcon", "llama-bpe", "qwen2", "qwen35", "glm4", "minicpm5", "jais-2", "laguna",
        "bailingmoe", "seed-coder", "deepseek-llm", "deepseek-coder", "deepseek-v3", "bloom", "viking"}) {
    if (!compare_named("pre-" + rule, "/vocabulary-ids/pairs-of-bytes.gguf", rule)) missing += " " + rule;
  }
  if (!missing.empty() && !HasFailure())
    GTEST_SKIP() << "not compared, since what llama.cpp says is not there:" << missing << "; " << how;
}

std::string contents(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

Ids ids_on(std::string_view line) {
  std::istringstream in{std::string(line)};
  return {std::istream_iterator<int32_t>(in), {}};
}

// Beside some vocabularies lie short texts (.inp) and what the makers' own tokenizers say of them (.out, a line each).
TEST(Vocabularies, IdsAreTheMakersOwn) {
  const std::string folder = tests::cache_folder() + "/llama-cpp-models/", separator = "\n__ggml_vocab_test__\n";
  int compared = 0;
  for (const std::string name : {"command-r", "deepseek-coder", "deepseek-llm", "falcon", "gpt-2", "llama-bpe",
                                 "llama-spm", "mpt", "phi-3", "qwen2", "qwen35", "refact", "starcoder"}) {
    const std::string model = folder + "ggml-vocab-" + name + ".gguf";
    if (!std::filesystem::exists(model)) GTEST_SKIP() << "there is no " << model << ": " << how;
    const auto tokenizer = tokenizer_of(model, "");
    const std::string texts = contents(model + ".inp"), lines = contents(model + ".out");
    for (size_t at = 0, line = 0; line < lines.size(); compared++) {
      const size_t end = std::min(texts.find(separator, at), texts.size()),
                   line_end = std::min(lines.find('\n', line), lines.size());
      const std::string_view text = std::string_view(texts).substr(at, end - at);
      EXPECT_EQ(tokenizer->encode(text, false, false), ids_on(std::string_view(lines).substr(line, line_end - line)))
          << name << ": " << text;
      at = std::min(end + separator.size(), texts.size());
      line = line_end + 1;
    }
  }
  EXPECT_GT(compared, 500);
}

}  // namespace
}  // namespace ingot
