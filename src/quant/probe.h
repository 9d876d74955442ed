// Where a block keeps its fields, found by asking its accessors: the codes, the bits of scales and minima, and the
// integers of sub-scales.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "quant/format.h"

namespace ingot::quant {

/// One field of a block. What it is for block bytes `b` is `read(b)`.
struct Field {
  enum Kind { code, scale, sub, min, sub_min } kind;
  int index;  ///< weight or run; group
};

/// Where the bits of a field are.
struct Places {
  std::vector<int> bits;  ///< of the block, by bit of the field; −1: nowhere
  uint32_t of_zeros = 0;  ///< the field where all bytes are 0
};

/// A byte that keeps several codes as digits of a number: any value of the byte changes all of them.
struct DigitByte {
  int byte;
  std::vector<int> fields;
  std::vector<std::vector<uint32_t>> codes;  ///< [256][fields]
};

struct Placement {
  std::vector<Field> fields;
  std::vector<Places> places;
  std::vector<DigitByte> digits;
  std::vector<int> sub_values, sub_min_values;  ///< of the 2^bits patterns of such a field
};

/// The placement of `format`'s fields: codes first, then scales, sub-scales, minima, sub-minima. It is what single bits
/// suggest; whether it holds is for the caller to try.
Placement probe(const Format& format);

}  // namespace ingot::quant
