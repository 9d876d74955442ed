// UTF-8, byte by byte: what one sequence is, and text made safe for the pattern matcher. Not a Unicode library:
// categories come from PCRE2. Called by the tokenizers; functions for others are in tokenizer.h.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>

namespace ingot::text {

/// The sequence that starts at the first byte of some text.
struct Sequence {
  enum State { whole, unfinished, malformed };
  State state;
  size_t
      bytes;  ///< whole: the character's length; otherwise the bytes that belong together (one U+FFFD stands for them), > 0
};

/// Classifies the first sequence of `bytes` (not empty) by the Unicode Standard, table 3-7 "Well-Formed UTF-8 Byte
/// Sequences". Unfinished: the bytes end too early but could still become a character.
Sequence first_sequence(std::string_view bytes);

/// Bytes that the first byte of a sequence announces: 1 to 4; 1 for a byte that cannot start one.
size_t announced_bytes(char lead);

/// Appends `character` in UTF-8; surrogates are written as their three bytes.
void append_utf8(std::string& out, char32_t character);

/// `bytes` as byte-level BPE sees them: overlong spellings become the short ones, lone surrogates stay, every other
/// byte that is not part of a character becomes U+FFFD. This is what llama.cpp does, except that it aborts above
/// U+10FFFF.
std::string lenient_utf8(std::string_view bytes);

}  // namespace ingot::text
