// Regular expressions as JSON Schema writes them: ECMA-262's syntax with the `u` flag, without what is not regular
// (backreferences) and without lookaround, \b and \p.
#pragma once
#include <memory>
#include <string_view>
#include <vector>

#include "grammar/characters.h"

namespace ingot::grammar {

/// A regular expression, taken apart.
struct Pattern {
  enum Kind { characters, sequence, choice, repeat, begin, end };  ///< `begin`: ^, `end`: $
  Kind kind;
  CharacterSet set;            ///< of characters
  std::vector<Pattern> parts;  ///< of sequence and choice; of repeat: one
  uint32_t min = 0, max = 0;   ///< of repeat
};

/// Errors: not a regular expression, or one with something that cannot be enforced; the message shows where.
Pattern parse_pattern(std::string_view text);

}  // namespace ingot::grammar
