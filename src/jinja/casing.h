// Upper, lower and title case as Python's strings have them: by Unicode's full mappings (SpecialCasing.txt), where a character may
// become several, and a capital sigma at the end of a word a final one.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace ingot::jinja {

std::string to_upper(char32_t c);
std::string to_title(char32_t c);
/// Of a character that is not a capital sigma, or is not at the end of a word.
std::string to_lower(char32_t c);

/// The small letters of a text, one after another.
class Lowering {
 public:
  explicit Lowering(std::string_view text);
  /// The small letter of `c`, the next character of the text.
  std::string next(char32_t c);

 private:
  std::vector<bool> is_final_;  // of each capital sigma
  size_t sigma_ = 0;
};

}  // namespace ingot::jinja
