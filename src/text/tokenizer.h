// Text to token ids and back, exactly as defined by the model's makers. Built from a vocabulary as found in a model
// file; independent of files. Two algorithms: byte-level BPE with a pre-tokenizer, and SPM (merges by score, byte
// fallback).
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ingot/ingot.h"

namespace ingot::text {

enum class TokenType : uint8_t { normal = 1, unknown = 2, control = 3, user_defined = 4, unused = 5, byte = 6 };

/// A vocabulary; ids are indices. -1: no such token. Tokens are distinct, except that several may be empty (gaps in the
/// numbering); empty ones never occur in a text.
struct Vocabulary {
  std::string model;  ///< "gpt2" (byte-level BPE) or "llama" (SPM)
  std::string pre;    ///< pre-tokenizer of BPE: "smollm", …; "" = default
  std::vector<std::string> tokens;
  std::vector<TokenType> types;     ///< one per token, or empty: all normal
  std::vector<float> scores;        ///< SPM: one per token
  std::vector<std::string> merges;  ///< BPE: "left right", best first
  int32_t bos = -1, eos = -1, eot = -1, unknown = -1;
  std::vector<int32_t> ends;       ///< further tokens that end generation
  std::vector<int32_t> stripping;  ///< special tokens that swallow the white space after them
  bool add_bos = false, add_space_prefix = true;
};

/// A vocabulary of this model and pre-tokenizer, still without tokens, with the defaults of GGUF readers:
/// SPM has unknown 0, bos 1, eos 2 and texts begin with bos and a space; BPE has none of these.
Vocabulary empty_vocabulary(std::string model, std::string pre);

/// Does a vocabulary of this model first split text into words by a pre-tokenizer?
bool has_words(std::string_view model);

class Tokenizer {
 public:
  virtual ~Tokenizer() = default;
  /// Checks the vocabulary and builds the tables. Errors: unknown model or pre-tokenizer (lists the known ones), no
  /// tokens or two that read the same, lengths that disagree, special ids out of range, merges that name unknown
  /// tokens.
  static std::unique_ptr<Tokenizer> make(Vocabulary vocabulary);
  /// Ids of `text`; any bytes are accepted. `add_special`: preceded by the bos token, where the vocabulary asks for
  /// one. `parse_special`: spelled control tokens become tokens, otherwise they stay text, as they do where they touch
  /// `plain` (in order, no overlaps), which cuts the text nowhere else. `work`, if given, is increased by the number of
  /// steps taken; matching words is slower then.
  virtual std::vector<int32_t> encode(std::string_view text, bool add_special, bool parse_special,
                                      std::span<const Span> plain = {}, uint64_t* work = nullptr) const = 0;
  /// Bytes of one token. `first`: it is the first of a text (SPM drops the prefix space). `show_special`: spell control
  /// tokens.
  virtual std::string piece(int32_t id, bool first, bool show_special) const = 0;
  virtual const Vocabulary& vocabulary() const = 0;
  /// Does this token end generation (eos, eot, or another end token)?
  virtual bool is_eog(int32_t id) const = 0;
};

/// Longest prefix of `bytes` that does not end inside a UTF-8 character. Bytes that can never become one count as
/// complete.
size_t complete_utf8(std::string_view bytes);
/// `bytes` with every malformed sequence replaced by U+FFFD (one for each maximal part, as the Unicode Standard
/// recommends in section 3.9).
std::string repair_utf8(std::string_view bytes);

}  // namespace ingot::text
