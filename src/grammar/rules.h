// A grammar prepared for matching: checked, with unreachable parts removed, and measured. Immutable.
#pragma once
#include <array>
#include <cstdint>
#include <vector>

#include "grammar/expressions.h"

namespace ingot::grammar {

/// Left depth says how far an expression is from its first byte: it is larger than that of anything that it may begin
/// with.
struct Rules {
  static constexpr uint64_t endless = uint64_t{1} << 40;  ///< bytes; lengths stop growing here
  static constexpr uint32_t max_depth = 2000;             ///< expressions inside expressions, and left depth

  struct Entry : Expression {
    uint64_t shortest = 0;  ///< bytes of the shortest text
    uint32_t left_depth = 0;
    uint32_t begins = 0;  ///< number of the set of bytes that a text can begin with
  };
  struct Child {
    Id id = 0;
    // Of the sequence from this child on:
    uint64_t shortest = 0;
    uint32_t left_depth = 0;
    uint32_t begins = 0;
  };
  std::vector<Entry> entries;
  std::vector<Child> children;
  std::vector<ByteSet> sets;
  Id root = 0;
  std::array<uint8_t, 256> byte_class{};  ///< bytes that no set of `bytes` tells apart are of one class
  std::vector<uint8_t> class_byte;        ///< one byte of each class
};

/// Does any text match `root` of `grammar`?
bool has_text(const Expressions& grammar, Id root);

/// Makes `root` of `grammar` ready. Errors: nothing matches it, a rule begins with itself, too deep, over budget.
Rules make_rules(const Expressions& grammar, Id root);

}  // namespace ingot::grammar
