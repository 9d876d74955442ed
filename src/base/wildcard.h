// Names with wildcards.
#pragma once
#include <string_view>

namespace ingot {

/// Whether `text` fits `pattern`, in which * stands for any text and ? for any character. Goes back to the last star
/// alone, so it takes the product of both lengths at most.
inline bool matches(std::string_view pattern, std::string_view text) {
  size_t p = 0, t = 0, star = std::string_view::npos, after = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*')
      star = p++, after = t;
    else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == text[t]))
      p++, t++;
    else if (star != std::string_view::npos)
      p = star + 1, t = ++after;
    else
      return false;
  }
  while (p < pattern.size() && pattern[p] == '*') p++;
  return p == pattern.size();
}

}  // namespace ingot
