#include "quant/codebook.h"

#include <array>
#include <bit>
#include <cstdlib>

#include "ingot/error.h"

namespace ingot::quant {

namespace {

constexpr int most_book_bits = 12;

using Run = std::array<int, 8>;

struct Samples {
  const Format& format;
  std::vector<uint32_t> codes;

  explicit Samples(const Format& f) : format(f) {
    uint32_t random = 1;
    for (int n = 0; n < 512; n++) {
      random = random * 1664525u + 1013904223u;
      codes.push_back((random >> 3 ^ random << 7) & mask());
    }
  }
  uint32_t mask() const { return format.code_bits >= 32 ? ~0u : (1u << format.code_bits) - 1; }
  Run run(uint32_t code) const {
    const uint64_t bytes = format.accessors.expand(code);
    Run r;
    for (int k = 0; k < 8; k++) r[static_cast<size_t>(k)] = static_cast<int8_t>(bytes >> 8 * k & 255);
    return r;
  }
};

struct Bit {
  int negates = 0;  // mask of the weights whose sign it turns; 0: it is no sign
  int touches = 0;  // mask of the weights that depend on it
};

Bit ask_bit(const Samples& s, int bit) {
  Bit b;
  bool sign = true;
  int negates = -1;
  for (uint32_t code : s.codes) {
    const Run one = s.run(code), other = s.run(code ^ 1u << bit);
    int changed = 0;
    for (size_t k = 0; k < 8; k++) {
      if (one[k] == other[k]) continue;
      changed |= 1 << k;
      sign = sign && one[k] == -other[k];
    }
    b.touches |= changed;
    sign = sign && (negates < 0 || negates == changed);
    negates = changed;
  }
  if (sign && negates > 0) b.negates = negates;
  return b;
}

Book read_book(const Samples& s, const std::vector<int>& bits, int first, int length) {
  if (bits.size() > most_book_bits)
    throw Error("quant", std::string(s.format.name) + " cannot be encoded",
                std::to_string(bits.size()) + " bits of a code choose from one book", "at most 12",
                "give the format an encoder of its own");
  Book book{first, length, {}, {}};
  for (uint32_t n = 0; n < 1u << bits.size(); n++) {
    uint32_t code = 0;
    for (size_t k = 0; k < bits.size(); k++) code |= (n >> k & 1) << bits[k];
    const Run run = s.run(code);
    book.codes.push_back(code);
    book.words.emplace_back(run.begin() + first, run.begin() + first + length);
  }
  return book;
}

// Codes of all masks of minus signs that combinations of sign bits make.
std::vector<uint32_t> codes_of_masks(const std::vector<int>& bits, const std::vector<int>& negates, size_t& masks) {
  std::vector<uint32_t> codes(256, ~0u);
  masks = 0;
  for (uint32_t n = 0; n < 1u << bits.size(); n++) {
    int mask = 0;
    uint32_t code = 0;
    for (size_t k = 0; k < bits.size(); k++)
      if (n >> k & 1) mask ^= negates[k], code |= 1u << bits[k];
    if (codes[static_cast<size_t>(mask)] == ~0u) masks++, codes[static_cast<size_t>(mask)] = code;
  }
  return codes;
}

}  // namespace

Codebook codebook_of(const Format& format) {
  const Samples samples(format);
  std::vector<int> sign_bits, negates, low_half, high_half, whole;
  for (int bit = 0; bit < format.code_bits; bit++) {
    const Bit b = ask_bit(samples, bit);
    if (b.negates)
      sign_bits.push_back(bit), negates.push_back(b.negates);
    else if (b.touches) {
      whole.push_back(bit);
      if (!(b.touches & 0xf0)) low_half.push_back(bit);
      if (!(b.touches & 0x0f)) high_half.push_back(bit);
    }
  }
  Codebook c;
  size_t masks = 0;
  bool even = true;
  if (sign_bits.size() <= 8) c.sign_codes = codes_of_masks(sign_bits, negates, masks);
  for (int mask : negates) even = even && std::popcount(static_cast<unsigned>(mask)) % 2 == 0;
  if (masks == 256)
    c.signs = Codebook::free;
  else if (masks == 128 && even)
    c.signs = Codebook::even;
  else
    whole.insert(whole.end(), sign_bits.begin(), sign_bits.end()), low_half.clear();
  if (!low_half.empty() && low_half.size() + high_half.size() == whole.size())
    c.books = {read_book(samples, low_half, 0, 4), read_book(samples, high_half, 4, 4)};
  else
    c.books = {read_book(samples, whole, 0, 8)};
  return c;
}

}  // namespace ingot::quant
