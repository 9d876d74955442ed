// Checks of a vocabulary, and the frame of encoding: begin token, fragments in order.
#include "text/vocabulary_tokenizer.h"

#include <fmt/core.h>

#include "ingot/error.h"
#include "text/pre_tokenizers.h"

namespace ingot::text {
namespace {

constexpr std::string_view bpe = "gpt2", spm = "llama";  // as GGUF's tokenizer.ggml.model names them
constexpr size_t max_text_bytes = INT32_MAX;             // positions in a text are kept in 32 bits

Vocabulary checked(Vocabulary vocabulary) {
  const size_t n = vocabulary.tokens.size();
  if (n == 0) throw Error("text", "the vocabulary is empty", "", "at least one token");
  if (n > INT32_MAX)
    throw Error("text", "the vocabulary is too large", fmt::format("{} tokens", n),
                fmt::format("at most {}", INT32_MAX));
  if (vocabulary.types.empty()) vocabulary.types.assign(n, TokenType::normal);
  if (vocabulary.types.size() != n) {
    throw Error("text", "token types do not match the tokens", fmt::format("{} types", vocabulary.types.size()),
                fmt::format("{}, one per token", n));
  }
  const auto check = [&](const char* what, int32_t id, int32_t lowest = -1) {
    if (id < lowest || id >= static_cast<int64_t>(n)) {
      throw Error("text", fmt::format("the {} token is outside the vocabulary", what), fmt::format("id {}", id),
                  fmt::format("0 to {}", n - 1));
    }
  };
  check("bos", vocabulary.bos);
  check("eos", vocabulary.eos);
  check("eot", vocabulary.eot);
  check("unknown", vocabulary.unknown);
  for (const int32_t id : vocabulary.ends) check("end", id);
  for (const int32_t id : vocabulary.stripping) check("stripping", id, 0);
  const auto need = [](bool wanted, const char* what, int32_t id) {
    if (wanted && id < 0)
      throw Error("text", fmt::format("texts must begin with the {} token, but there is none", what), "",
                  fmt::format("an id for {}", what));
  };
  need(vocabulary.add_bos, "bos", vocabulary.bos);
  return vocabulary;
}

}  // namespace

Vocabulary empty_vocabulary(std::string model, std::string pre) {
  Vocabulary vocabulary;
  vocabulary.add_space_prefix = vocabulary.add_bos = model == spm;
  if (model == spm) {
    vocabulary.unknown = 0;
    vocabulary.bos = 1;
    vocabulary.eos = 2;
  } else if (const PreTokenizer* rule = find_pre_tokenizer(pre)) {
    vocabulary.add_bos = rule->adds_bos;
  }
  vocabulary.model = std::move(model);
  vocabulary.pre = std::move(pre);
  return vocabulary;
}

bool has_words(std::string_view model) { return model == bpe; }

std::unique_ptr<Tokenizer> Tokenizer::make(Vocabulary vocabulary) {
  if (vocabulary.model == bpe) return make_bpe(std::move(vocabulary));
  if (vocabulary.model == spm) return make_spm(std::move(vocabulary));
  throw Error("text", "unknown vocabulary type", fmt::format("\"{}\"", vocabulary.model),
              "\"gpt2\" (byte-level BPE) or \"llama\" (SPM)",
              "convert the model with a vocabulary of one of these kinds");
}

VocabularyTokenizer::VocabularyTokenizer(Vocabulary vocabulary)
    : vocabulary_(checked(std::move(vocabulary))),
      table_(vocabulary_.tokens),
      specials_(vocabulary_),
      ends_(vocabulary_.tokens.size()) {
  const auto mark = [&](int32_t id) {
    if (id >= 0) ends_[static_cast<size_t>(id)] = true;
  };
  mark(vocabulary_.eos);
  mark(vocabulary_.eot);
  for (const int32_t id : vocabulary_.ends) mark(id);
}

std::vector<int32_t> VocabularyTokenizer::encode(std::string_view text, bool add_special, bool parse_special,
                                                 std::span<const Span> plain, uint64_t* work) const {
  if (text.size() > max_text_bytes) {
    throw Error("text", "the text is too long", fmt::format("{} bytes", text.size()),
                fmt::format("at most {}", max_text_bytes), "split it into parts");
  }
  std::vector<int32_t> ids;
  if (add_special && vocabulary_.add_bos) ids.push_back(vocabulary_.bos);
  for (const Fragment& fragment : specials_.split(text, parse_special, plain, work)) {
    if (fragment.id >= 0) {
      ids.push_back(fragment.id);
    } else {
      append(fragment.text, ids, work);
    }
  }
  return ids;
}

std::string VocabularyTokenizer::piece(int32_t id, bool first, bool show_special) const {
  if (id < 0 || static_cast<size_t>(id) >= vocabulary_.tokens.size()) {
    throw Error("text", "no such token", fmt::format("id {}", id),
                fmt::format("0 to {}", vocabulary_.tokens.size() - 1));
  }
  std::string bytes;
  switch (type_of(id)) {
    case TokenType::unknown:
    case TokenType::control:
      if (show_special) bytes = text_of(id);
      break;
    case TokenType::user_defined: bytes = text_of(id); break;
    case TokenType::normal:
    case TokenType::byte: bytes = bytes_of(id); break;
    case TokenType::unused: break;
  }
  if (first && has_prefix_space() && bytes.starts_with(' ')) bytes.erase(0, 1);
  return bytes;
}

bool VocabularyTokenizer::is_eog(int32_t id) const {
  return id >= 0 && static_cast<size_t>(id) < ends_.size() && ends_[static_cast<size_t>(id)];
}

}  // namespace ingot::text
