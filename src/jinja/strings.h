// Operations on texts that filters and methods share, as Python's strings have them.
#pragma once
#include <optional>
#include <vector>

#include "jinja/renderer.h"
#include "jinja/unicode.h"

namespace ingot::jinja {

/// Replaces every character by the result of `change`.
template <typename Change> Text mapped(Renderer& r, const Text& text, Change&& change) {
  r.budget.copy(8 * text.size());
  Text out;
  text.each_part([&](std::string_view part, Origin origin) {
    std::string changed;
    for (size_t at = 0; at < part.size();) changed += change(next_character(part, at));
    out.append(changed, origin);
  });
  return out;
}

/// Charges for a search from the end, which the library does byte by byte; for short texts the cost of a copy covers
/// it.
void pay_backward_search(Renderer& r, std::string_view text, std::string_view wanted);
Text upper(Renderer& r, const Text& text);
Text lower(Renderer& r, const Text& text);
/// The first character in title case, the others in lower case.
Text capitalized(Renderer& r, const Text& text);
Text replaced(Renderer& r, const Text& text, const Text& from, const Text& to, int64_t max_count);
Text stripped(const Text& text, const Text* chars, bool left, bool right);
/// Without `separator`: at white space, without empty parts. At most `most` splits, below 0: all; optionally from the
/// right.
std::vector<Text> split(Renderer& r, const Text& text, const Text* separator, int64_t max_count, bool from_right);
std::vector<Text> lines(Renderer& r, const Text& text, bool keep_ends);
Text joined(Renderer& r, const Text& separator, const std::vector<Text>& parts);
/// Padded to `width` characters; `side` is the alignment: '<', '^' or '>'.
Text padded(Renderer& r, const Text& text, int64_t width, const Text& fill, char side);

}  // namespace ingot::jinja
