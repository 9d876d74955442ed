// What both kinds of tokenizer share: the checked vocabulary, special tokens, the begin token. A subclass adds only how
// plain text becomes tokens and which bytes a token represents.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "text/special.h"
#include "text/token_table.h"
#include "text/tokenizer.h"

namespace ingot::text {

class VocabularyTokenizer : public Tokenizer {
 public:
  std::vector<int32_t> encode(std::string_view text, bool add_special, bool parse_special, std::span<const Span> plain,
                              uint64_t* work) const final;
  std::string piece(int32_t id, bool first, bool show_special) const final;
  const Vocabulary& vocabulary() const final { return vocabulary_; }
  bool is_eog(int32_t id) const final;

 protected:
  /// Checks what both kinds need; `types` is filled when it is empty.
  explicit VocabularyTokenizer(Vocabulary vocabulary);
  /// Appends the ids of plain text: not empty, and between special tokens or the ends of the text. `work` is null or
  /// counts steps.
  virtual void append(std::string_view text, std::vector<int32_t>& ids, uint64_t* work) const = 0;
  /// Bytes of a normal or byte token.
  virtual std::string bytes_of(int32_t id) const = 0;
  /// Does the first piece of a text begin with a space that the text does not have?
  virtual bool has_prefix_space() const = 0;

  TokenType type_of(int32_t id) const { return vocabulary_.types[static_cast<size_t>(id)]; }
  const std::string& text_of(int32_t id) const { return vocabulary_.tokens[static_cast<size_t>(id)]; }
  int32_t find(std::string_view text) const { return table_.find(text); }

 private:
  Vocabulary vocabulary_;
  TokenTable table_;  // over vocabulary_.tokens
  SpecialTokens specials_;
  std::vector<bool> ends_;
};

std::unique_ptr<Tokenizer> make_bpe(Vocabulary vocabulary);
std::unique_ptr<Tokenizer> make_spm(Vocabulary vocabulary);

}  // namespace ingot::text
