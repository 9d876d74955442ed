// Upper, lower and title case as Python's strings have them: by Unicode's full mappings (SpecialCasing.txt): one
// character may become several, and a capital sigma at the end of a word becomes a final one.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace ingot::jinja {

std::string to_upper(char32_t c);
std::string to_title(char32_t c);
/// Without the rule for a final sigma.
std::string to_lower(char32_t c);

/// Converts a text to lower case, character by character.
class Lowering {
 public:
  explicit Lowering(std::string_view text);
  /// The lower-case form of `c`, the next character of the text.
  std::string next(char32_t c);

 private:
  std::vector<bool> is_final_;  // of each capital sigma
  size_t sigma_ = 0;
};

}  // namespace ingot::jinja
