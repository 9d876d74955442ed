// Validity and printing of names; see names.h.
#include "container/names.h"

#include <fmt/core.h>

namespace ingot::container {
namespace {

/// Bytes of the UTF-8 character at `text[at]` and its code point; nothing when there is none (RFC 3629: no overlong form, no
/// surrogate, at most U+10FFFF).
std::optional<std::pair<size_t, uint32_t>> utf8_at(std::string_view text, size_t at) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t lead = byte(at);
  if (lead < 0x80) return std::pair{size_t{1}, uint32_t{lead}};
  const size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || text.size() - at < length) return std::nullopt;
  uint32_t point = lead & (0xFF >> (length + 1));
  for (size_t i = 1; i < length; ++i) {
    if ((byte(at + i) & 0xC0) != 0x80) return std::nullopt;
    point = point << 6 | (byte(at + i) & 0x3F);
  }
  constexpr uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
  if (point < least[length] || point > 0x10FFFF || (point >= 0xD800 && point < 0xE000)) return std::nullopt;
  return std::pair{length, point};
}

bool is_control(uint32_t point) { return point < 0x20 || (point >= 0x7F && point < 0xA0); }

/// Characters that would change how the rest of a message looks.
bool is_deceptive(uint32_t point) {
  return is_control(point) || (point >= 0x200B && point <= 0x200F) || (point >= 0x2028 && point <= 0x202E) ||
         (point >= 0x2060 && point <= 0x206F) || point == 0xFEFF;
}

}  // namespace

std::string printable(std::string_view text, size_t max_bytes) {
  const std::string_view shown = text.substr(0, max_bytes);
  std::string out;
  for (size_t at = 0; at < shown.size();) {
    const auto c = utf8_at(shown, at);
    if (c && !is_deceptive(c->second)) {
      out += shown.substr(at, c->first);
      at += c->first;
    } else {
      out += fmt::format("\\x{:02x}", static_cast<uint8_t>(shown[at]));
      ++at;
    }
  }
  if (shown.size() < text.size()) out += fmt::format("… ({} bytes)", text.size());
  return out;
}

std::string quoted(std::string_view text) { return '"' + printable(text) + '"'; }

const char* name_fault(std::string_view name, uint64_t max_bytes) {
  if (name.empty()) return "the name is empty";
  if (name.size() > max_bytes) return "the name is too long";
  for (size_t at = 0; at < name.size();) {
    const auto c = utf8_at(name, at);
    if (!c) return "the name is not UTF-8";
    if (is_control(c->second)) return "the name holds a control character";
    at += c->first;
  }
  return nullptr;
}

}  // namespace ingot::container
