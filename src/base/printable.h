// Untrusted text, made safe for messages and terminals. Not for data: the escapes are not meant to be parsed again.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace ingot {

/// Bytes of the UTF-8 character at `text[at]` and its code point; nothing when there is none (RFC 3629: no overlong
/// form, no surrogate, at most U+10FFFF).
std::optional<std::pair<size_t, uint32_t>> utf8_at(std::string_view text, size_t at);

/// C0, DEL and C1: the characters that control terminals.
bool is_control(uint32_t point);

/// `text` on one line of a message: control characters, bytes that are not UTF-8 and invisible or direction-changing
/// characters appear as \xNN; text longer than `max_bytes` is cut and its length stated.
std::string printable(std::string_view text, size_t max_bytes = 80);

/// `text` as it may be written to a terminal: line feeds and tabs stay, other control characters and bytes that are not
/// UTF-8 appear as \xNN.
std::string without_controls(std::string_view text);

}  // namespace ingot
