// Substitutes shown to the pattern matcher for some characters, so that it splits text in the same way with any version
// of Unicode.
#pragma once
#include <string>
#include <string_view>

namespace ingot::text {

/// `text`, a result of `lenient_utf8`, with substitutes: same length, same words. Empty if nothing has to change.
std::string with_stand_ins(std::string_view text);

}  // namespace ingot::text
