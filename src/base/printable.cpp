#include "base/printable.h"

#include <fmt/core.h>

namespace ingot {
namespace {

/// Characters that would change how the rest of a message looks: invisible ones, marks of direction, tags.
bool is_deceptive(uint32_t point) {
  return is_control(point) || point == 0x061C || point == 0x180E || (point >= 0x200B && point <= 0x200F) ||
         (point >= 0x2028 && point <= 0x202E) || (point >= 0x2060 && point <= 0x206F) || point == 0xFEFF ||
         (point >= 0xFFF9 && point <= 0xFFFB) || (point >= 0xE0000 && point <= 0xE007F);
}

/// Escapes what `refused` says, byte by byte.
template <class Refused> std::string escaped(std::string_view text, Refused refused) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const auto c = utf8_at(text, at);
    const size_t n = c ? c->first : 1;
    if (c && !refused(c->second))
      out += text.substr(at, n);
    else
      for (size_t i = 0; i < n; i++) out += fmt::format("\\x{:02x}", static_cast<uint8_t>(text[at + i]));
    at += n;
  }
  return out;
}

}  // namespace

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
  constexpr uint32_t min_point[] = {0, 0, 0x80, 0x800, 0x10000};
  if (point < min_point[length] || point > 0x10FFFF || (point >= 0xD800 && point < 0xE000)) return std::nullopt;
  return std::pair{length, point};
}

bool is_control(uint32_t point) { return point < 0x20 || (point >= 0x7F && point < 0xA0); }

std::string printable(std::string_view text, size_t max_bytes) {
  size_t cut = text.size() > max_bytes ? max_bytes : text.size();
  for (int back = 0; back < 3 && cut > 0 && cut < text.size() && (text[cut] & 0xC0) == 0x80; back++)
    --cut;  // not inside a character
  std::string out = escaped(text.substr(0, cut), is_deceptive);
  if (cut < text.size()) out += fmt::format("… ({} bytes)", text.size());
  return out;
}

std::string without_controls(std::string_view text) {
  return escaped(text, [](uint32_t point) { return point != '\n' && point != '\t' && is_control(point); });
}

}  // namespace ingot
