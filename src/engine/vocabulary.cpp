// Reads tokenizer.ggml.*, the keys of the GGUF specification.
#include "engine/vocabulary.h"

#include <algorithm>
#include <utility>

#include <fmt/core.h>

#include "base/checked.h"

namespace ingot::engine {
namespace {

// Files seldom name every token that ends an answer, so readers of GGUF go by the spelling. Some files also type these
// tokens as text; they count as control tokens nevertheless. (Determined with llama.cpp, release of October 2026.)
const std::string_view answer_ends[] = {"<|eot_id|>",
                                        "<|im_end|>",
                                        "<|end|>",
                                        "<|return|>",
                                        "<|call|>",
                                        "<|flush|>",
                                        "<|calls|>",
                                        "<end_of_turn>",
                                        "<|endoftext|>",
                                        "<|end_of_text|>",
                                        "<end_of_utterance>",
                                        "</s>",
                                        "<eos>",
                                        "[EOS]",
                                        "<EOT>",
                                        "_<EOT>",
                                        "[EOT]",
                                        "<|eom_id|>",
                                        "<｜end▁of▁sentence｜>",
                                        "<turn|>",
                                        "<|tool_response>",
                                        "[e~["};

// End tokens of fill-in-the-middle: padding, next repository, next file.
const std::string_view gap_ends[] = {"<|fim_pad|>", "<fim-pad>",    "<fim_pad>",     "<PAD>",
                                     "[PAD]",       "<|fim_repo|>", "<|repo_name|>", "<fim-repo>",
                                     "<REPO>",      "<reponame>",   "<|file_sep|>"};

// Tokens of fill-in-the-middle that are control tokens, whatever the file says, but no ends.
const std::string_view gap_marks[] = {
    "<|fim_prefix|>",  "<fim-prefix>",  "<fim_prefix>",    "<｜fim▁begin｜>", "<PRE>",           "▁<PRE>",
    "<|code_prefix|>", "<|prefix|>",    "<|fim_suffix|>",  "<fim-suffix>",    "<fim_suffix>",    "<｜fim▁hole｜>",
    "<SUF>",           "▁<SUF>",        "<|code_suffix|>", "<|suffix|>",      "<|fim_middle|>",  "<fim-middle>",
    "<fim_middle>",    "<｜fim▁end｜>", "<MID>",           "▁<MID>",          "<|code_middle|>", "<|middle|>"};

constexpr std::string_view prefix = "tokenizer.ggml.";

// Keys of further tokens that end an answer: the end of a message, and of fill-in-the-middle (padding, next repository,
// next file).
constexpr std::string_view further_ends[] = {"eom_token_id", "fim_pad_token_id", "fim_rep_token_id",
                                             "fim_sep_token_id"};

std::vector<text::TokenType> types_from(const std::vector<int32_t>& numbers) {
  std::vector<text::TokenType> types;
  types.reserve(numbers.size());
  for (const int32_t number : numbers) {
    if (number < 0 || number > static_cast<int32_t>(text::TokenType::byte)) {
      throw Error("engine", fmt::format("token {} has an unknown type", types.size()), fmt::format("{}", number),
                  "0 to 6", "check tokenizer.ggml.token_type");
    }
    // 0 is "undefined" in the specification; no file gives it a meaning of its own.
    types.push_back(number == 0 ? text::TokenType::normal : static_cast<text::TokenType>(number));
  }
  return types;
}

void mark_known_spellings(text::Vocabulary& vocabulary) {
  for (size_t id = 0; id < vocabulary.tokens.size(); id++) {
    const std::string& token = vocabulary.tokens[id];
    // All spellings begin with one of these; most tokens do not.
    if (token.empty() || !(token[0] == '<' || token[0] == '[' || token[0] == '_' || token[0] == '\xE2')) continue;
    const auto in = [&](const auto& spellings) {
      return std::find(std::begin(spellings), std::end(spellings), token) != std::end(spellings);
    };
    const bool ends = in(answer_ends) || in(gap_ends);
    if (ends) vocabulary.ends.push_back(narrow<int32_t>(id));
    if ((ends || in(gap_marks)) && id < vocabulary.types.size()) vocabulary.types[id] = text::TokenType::control;
  }
}

// In tokenizer.json the special tokens of Phi-3 swallow the white space after them, all but three ("rstrip"); GGUF has
// no key for that. Its vocabulary is recognized by a token that no other family has.
void mark_stripping(text::Vocabulary& vocabulary) {
  if (std::find(vocabulary.tokens.begin(), vocabulary.tokens.end(), "<|placeholder1|>") == vocabulary.tokens.end())
    return;
  for (size_t id = 0; id < std::min(vocabulary.tokens.size(), vocabulary.types.size()); id++) {
    using enum text::TokenType;
    const bool special =
        vocabulary.types[id] == control || vocabulary.types[id] == user_defined || vocabulary.types[id] == unknown;
    const std::string& token = vocabulary.tokens[id];
    if (special && token != "<unk>" && token != "<s>" && token != "<|endoftext|>")
      vocabulary.stripping.push_back(narrow<int32_t>(id));
  }
}

}  // namespace

std::vector<std::string> vocabulary_warnings(const container::Gguf& file, std::string_view pre) {
  const bool is_cut = text::has_words(file.find_string(std::string(prefix).append("model")).value_or(""));
  if (!is_cut || !pre.empty() || !file.find_string(std::string(prefix).append("pre")).value_or("").empty()) return {};
  return {
      "the file does not name its pre-tokenizer (tokenizer.ggml.pre), so a common rule cuts text into words; where the "
      "model has another "
      "one, its tokens are wrong and so are its answers: name it with --pre"};
}

text::Vocabulary vocabulary_from(const container::Gguf& file, std::string_view pre) {
  const auto key = [](std::string_view name) { return std::string(prefix).append(name); };
  const std::string model(file.string_at(key("model")));
  if (!pre.empty() && !text::has_words(model)) {
    throw Error("engine", "this vocabulary uses no pre-tokenizer",
                fmt::format("a vocabulary of kind \"{}\", and pre-tokenizer \"{}\"", model, pre),
                "byte-level BPE, which cuts text into words first", "leave out --pre");
  }
  if (pre.empty()) pre = file.find_string(key("pre")).value_or("");
  text::Vocabulary vocabulary = text::empty_vocabulary(model, std::string(pre));

  const auto strings = [&](std::string_view name) {
    const auto views = file.strings_at(key(name));
    return std::vector<std::string>(views.begin(), views.end());
  };
  vocabulary.tokens = strings("tokens");
  vocabulary.types.assign(vocabulary.tokens.size(), text::TokenType::normal);
  if (file.find(key("token_type"))) vocabulary.types = types_from(file.integers_at(key("token_type")));
  if (file.find(key("scores"))) vocabulary.scores = file.floats_at(key("scores"));
  if (file.find(key("merges"))) vocabulary.merges = strings("merges");

  const auto id = [&](std::string_view name, int32_t& value) {
    const auto number = file.find_number(key(name));
    if (number && (*number == -1 || *number == UINT32_MAX))
      value = -1;  // all bits set, as GGUF writers encode "none"
    else if (number)
      value = narrow<int32_t>(file.unsigned_at(key(name), INT32_MAX));
  };
  id("bos_token_id", vocabulary.bos);
  id("eos_token_id", vocabulary.eos);
  id("eot_token_id", vocabulary.eot);
  id("unknown_token_id", vocabulary.unknown);
  int32_t end = -1;
  for (const std::string_view name : further_ends)
    if (id(name, end); end >= 0) vocabulary.ends.push_back(std::exchange(end, -1));
  // add_eos_token is not read: it says how whole texts were presented in training or should be embedded, and every text
  // here is one that the model continues, or a part of one.
  const auto flag = [&](std::string_view name, bool& value) { value = file.find_bool(key(name)).value_or(value); };
  flag("add_bos_token", vocabulary.add_bos);
  flag("add_space_prefix", vocabulary.add_space_prefix);
  mark_known_spellings(vocabulary);
  mark_stripping(vocabulary);
  return vocabulary;
}

}  // namespace ingot::engine
