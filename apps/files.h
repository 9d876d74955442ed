// Files that a person names: read whole, written whole.
#pragma once
#include <string>
#include <string_view>

#include "base/files.h"

namespace ingot::apps {

/// Of a text that is read. More is no prompt, but an endless pipe or the wrong file; what a model can take is far less.
constexpr size_t max_text_bytes = size_t{512} << 20;

/// What is in `file`, byte for byte; - is stdin. Errors: Error when it cannot be read or holds more than
/// max_text_bytes.
std::string read_text(const std::string& file);

/// Writes `text` to `file`, which is never half written: it takes its place when it is whole and on the disk. Errors:
/// Error.
void write_text(const std::string& file, std::string_view text, Access access);

}  // namespace ingot::apps
