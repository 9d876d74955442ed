// Files that a person names: read whole, written whole.
#pragma once
#include <string>
#include <string_view>

namespace ingot::apps {

/// What is in `file`, byte for byte; - is stdin. Errors: Error when it cannot be read.
std::string read_text(const std::string& file);

/// Writes `text` to `file`, which is never half written: it takes its place when it is whole and on the disk. Errors: Error.
void write_text(const std::string& file, std::string_view text);

}  // namespace ingot::apps
