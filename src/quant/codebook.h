// What the codewords of a format of kind vector consist of, found by asking what codes stand for: which bits of a code
// are signs, and which choose from which book.
#pragma once
#include <cstdint>
#include <vector>

#include "quant/format.h"

namespace ingot::quant {

/// Codewords for some of the eight weights of a run.
struct Book {
  int first = 0, length = 8;            ///< weights first … first + length − 1 of the run
  std::vector<uint32_t> codes;          ///< bits of the code that choose a codeword
  std::vector<std::vector<int>> words;  ///< [codes][length]
};

struct Codebook {
  enum Signs { in_words, free, even } signs = in_words;  ///< even: an even number of minus signs in a run
  std::vector<uint32_t> sign_codes;  ///< [256] code bits by mask of minus signs; 0 where there is none
  std::vector<Book> books;           ///< one, or one for each half
};

/// The codebook behind `format`'s codes. Throws ingot::Error where it has more than 4096 words.
Codebook codebook_of(const Format& format);

}  // namespace ingot::quant
