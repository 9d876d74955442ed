// Small vocabularies for tests, and the slow reference implementations of the two algorithms.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "text/tokenizer.h"
#include "text/utf8.h"

namespace ingot::text {

using Ids = std::vector<int32_t>;

/// How GPT-2 spells a byte in its tokens (encoder.py, bytes_to_unicode): printable Latin-1 as it is, the rest from
/// U+0100 on.
inline std::string byte_spelling(unsigned byte) {
  const auto printable = [](unsigned b) {
    return (b >= '!' && b <= '~') || (b >= 0xA1 && b <= 0xAC) || (b >= 0xAE && b <= 0xFF);
  };
  unsigned character = byte;
  if (!printable(byte)) {
    character = 256;
    for (unsigned b = 0; b < byte; b++) character += !printable(b);
  }
  std::string spelling;
  append_utf8(spelling, character);
  return spelling;
}

/// Byte-level BPE: ids 0 to 255 are the bytes, then what each merge makes; merges are given as they are spelled.
inline Vocabulary bpe_vocabulary(const std::vector<std::string>& merges, std::string pre = "gpt-2") {
  Vocabulary v = empty_vocabulary("gpt2", std::move(pre));
  for (unsigned byte = 0; byte < 256; byte++) v.tokens.push_back(byte_spelling(byte));
  for (const std::string& merge : merges) {
    v.merges.push_back(merge);
    const size_t blank = merge.find(' ');
    v.tokens.push_back(merge.substr(0, blank) + merge.substr(blank + 1));
  }
  v.types.assign(v.tokens.size(), TokenType::normal);
  return v;
}

struct Scored {
  std::string text;
  float score;
};

/// SPM: 0 <unk>, 1 <s>, 2 </s>, 3 to 258 the byte tokens, then `tokens`.
inline Vocabulary spm_vocabulary(const std::vector<Scored>& tokens, bool with_bytes = true) {
  Vocabulary v = empty_vocabulary("llama", "");
  const auto add = [&](std::string text, TokenType type, float score) {
    v.tokens.push_back(std::move(text));
    v.types.push_back(type);
    v.scores.push_back(score);
  };
  add("<unk>", TokenType::unknown, 0);
  add("<s>", TokenType::control, 0);
  add("</s>", TokenType::control, 0);
  for (unsigned byte = 0; with_bytes && byte < 256; byte++) {
    constexpr char digits[] = "0123456789ABCDEF";
    add(std::string("<0x") + digits[byte / 16] + digits[byte % 16] + ">", TokenType::byte, 0);
  }
  for (const Scored& token : tokens) add(token.text, TokenType::normal, token.score);
  return v;
}

inline int32_t add_token(Vocabulary& v, std::string text, TokenType type) {
  v.tokens.push_back(std::move(text));
  v.types.push_back(type);
  if (!v.scores.empty()) v.scores.push_back(0);
  return static_cast<int32_t>(v.tokens.size()) - 1;
}

inline int32_t id_of(const Vocabulary& v, std::string_view text) {
  for (size_t id = 0; id < v.tokens.size(); id++) {
    if (v.tokens[id] == text) return static_cast<int32_t>(id);
  }
  return -1;
}

inline Ids encode(const Vocabulary& v, std::string_view text) { return Tokenizer::make(v)->encode(text, false, false); }

/// The bytes of all tokens, control tokens left out.
inline std::string decoded(const Tokenizer& tokenizer, const Ids& ids) {
  std::string text;
  for (size_t i = 0; i < ids.size(); i++) text += tokenizer.piece(ids[i], i == 0, false);
  return text;
}

}  // namespace ingot::text
