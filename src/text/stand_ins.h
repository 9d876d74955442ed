// What the pattern matcher is shown instead of some characters, so that it cuts text the same way whatever it knows of Unicode.
#pragma once
#include <string>
#include <string_view>

namespace ingot::text {

/// `text`, which is what `lenient_utf8` gives, as the matcher may see it: same length, same words. Empty when nothing has to change.
std::string with_stand_ins(std::string_view text);

}  // namespace ingot::text
