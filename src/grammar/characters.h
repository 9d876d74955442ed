// Sets of characters (Unicode code points without surrogates), and how their members are spelled in bytes.
#pragma once
#include <string_view>
#include <utility>
#include <vector>

#include "grammar/expressions.h"

namespace ingot::grammar {

class CharacterSet {
 public:
  using Range = std::pair<char32_t, char32_t>;  // both ends belong to it
  CharacterSet() = default;
  CharacterSet(std::initializer_list<Range> ranges) {
    for (Range r : ranges) add(r.first, r.second);
  }
  static CharacterSet all() { return CharacterSet().complement(); }
  void add(char32_t low, char32_t high);
  void add(const CharacterSet& other) {
    for (Range r : other.ranges_) add(r.first, r.second);
  }
  CharacterSet complement() const;
  CharacterSet intersection(const CharacterSet& other) const;
  bool contains(char32_t c) const;
  bool empty() const { return ranges_.empty(); }
  /// Sorted, apart from each other, without surrogates.
  const std::vector<Range>& ranges() const { return ranges_; }
  auto operator<=>(const CharacterSet&) const = default;

 private:
  std::vector<Range> ranges_;
};

/// One member of `set` in UTF-8.
Id utf8(Expressions& grammar, const CharacterSet& set);
/// One member of `set` as json.dumps writes it inside a string: escaped only where it must be, in one way.
Id json_character(Expressions& grammar, const CharacterSet& set);

/// Takes the first character off `text`, which is not empty. Errors: malformed UTF-8, worded with `where`.
char32_t take_character(std::string_view& text, std::string_view where);

}  // namespace ingot::grammar
