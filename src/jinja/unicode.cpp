// Categories and simple case mappings come from the C library's own UTF-8 locale, which is independent of the process's setting;
// where there is none, only ASCII has letters.
#include "jinja/unicode.h"

#include <locale.h>
#include <cstring>
#include <cwchar>
#include <cwctype>

namespace ingot::jinja {
namespace {

locale_t unicode_locale() {
  static const locale_t locale = [] {
    locale_t found = newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
    return found ? found : newlocale(LC_CTYPE_MASK, "C", nullptr);
  }();
  return locale;
}

bool is_continuation(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

}  // namespace

bool is_utf8(std::string_view bytes) {
  for (size_t at = 0; at < bytes.size();) {
    const auto lead = static_cast<unsigned char>(bytes[at]);
    const size_t n = lead < 0x80                   ? 1
                     : lead >= 0xC2 && lead < 0xE0 ? 2
                     : lead >= 0xE0 && lead < 0xF0 ? 3
                     : lead >= 0xF0 && lead < 0xF5 ? 4
                                                   : 0;
    if (n == 0 || n > bytes.size() - at) return false;
    for (size_t i = 1; i < n; i++)
      if (!is_continuation(bytes[at + i])) return false;
    size_t behind = at;
    const char32_t c = next_character(bytes.substr(0, at + n), behind);  // further continuation bytes belong to nothing
    if ((n == 3 && c < 0x800) || (n == 4 && (c < 0x10000 || c > 0x10FFFF)) || (c >= 0xD800 && c < 0xE000)) return false;
    at = behind;
  }
  return true;
}

char32_t next_character(std::string_view text, size_t& at) {
  const auto lead = static_cast<unsigned char>(text[at++]);
  if (lead < 0x80) return lead;
  char32_t c = lead < 0xE0 ? lead & 0x1F : lead < 0xF0 ? lead & 0x0F : lead & 0x07;
  while (at < text.size() && is_continuation(text[at])) c = c << 6 | (static_cast<unsigned char>(text[at++]) & 0x3F);
  return c;
}

std::string utf8(char32_t c) {
  const auto tail = [c](int shift) { return static_cast<char>(0x80 | (c >> shift & 0x3F)); };
  if (c < 0x80) return {static_cast<char>(c)};
  if (c < 0x800) return {static_cast<char>(0xC0 | c >> 6), tail(0)};
  if (c < 0x10000) return {static_cast<char>(0xE0 | c >> 12), tail(6), tail(0)};
  return {static_cast<char>(0xF0 | c >> 18), tail(12), tail(6), tail(0)};
}

size_t n_characters(std::string_view text) {
  size_t n = 0;
  for (const char c : text) n += !is_continuation(c);
  return n;
}

std::string beginning(std::string_view text, size_t most) {
  const size_t end = byte_of_character(text, most);
  return std::string(text.substr(0, end)) + (end < text.size() ? "…" : "");
}

size_t byte_of_character(std::string_view text, size_t index) {
  size_t at = 0;
  for (; at < text.size(); at++)
    if (!is_continuation(text[at]) && index-- == 0) return at;
  return at;
}

bool is_space(char32_t c) {
  return (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x20) || c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) ||
         c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}
bool is_alpha(char32_t c) { return iswalpha_l(static_cast<wint_t>(c), unicode_locale()) && !is_decimal(c); }
bool is_decimal(char32_t c) {
  // Blocks of ten digits outside ASCII that texts use: Arabic-Indic, extended, Devanagari, Bengali, Thai, fullwidth.
  for (const char32_t zero : {U'0', U'\u0660', U'\u06F0', U'\u0966', U'\u09E6', U'\u0E50', U'\uFF10'})
    if (c >= zero && c < zero + 10) return true;
  return false;
}
bool is_alphanumeric(char32_t c) { return iswalnum_l(static_cast<wint_t>(c), unicode_locale()); }
bool is_upper(char32_t c) { return iswupper_l(static_cast<wint_t>(c), unicode_locale()); }
bool is_lower(char32_t c) { return iswlower_l(static_cast<wint_t>(c), unicode_locale()); }

bool is_printable(char32_t c) {
  if (c < 0x7F) return c >= 0x20;
  const bool invisible = is_space(c) || (c >= 0x80 && c < 0xA0) || c == 0xAD || (c >= 0x600 && c <= 0x605) || c == 0x61C || c == 0x6DD ||
                         c == 0x70F || c == 0x180E || (c >= 0x200B && c <= 0x200F) || (c >= 0x202A && c <= 0x202E) ||
                         (c >= 0x2060 && c <= 0x206F) || (c >= 0xD800 && c <= 0xF8FF) || c == 0xFEFF || (c >= 0xFFF9 && c <= 0xFFFB) ||
                         c >= 0xE0000;
  return !invisible && iswprint_l(static_cast<wint_t>(c), unicode_locale());
}

std::string to_upper(char32_t c) {
  if (c == U'ß') return "SS";
  return utf8(static_cast<char32_t>(towupper_l(static_cast<wint_t>(c), unicode_locale())));
}
std::string to_lower(char32_t c) { return utf8(static_cast<char32_t>(towlower_l(static_cast<wint_t>(c), unicode_locale()))); }

size_t find_text(std::string_view text, std::string_view wanted, size_t from) {
  if (from > text.size()) return std::string_view::npos;
  const void* at = memmem(text.data() + from, text.size() - from, wanted.data(), wanted.size());
  return at ? static_cast<size_t>(static_cast<const char*>(at) - text.data()) : std::string_view::npos;
}

Ends strip(std::string_view text, const std::string_view* chars, bool left, bool right) {
  const auto goes = [&](size_t begin, size_t end) {
    if (chars) return chars->find(text.substr(begin, end - begin)) != std::string_view::npos;
    size_t at = begin;
    return is_space(next_character(text, at));
  };
  size_t begin = 0, end = text.size();
  while (left && begin < end) {
    size_t behind = begin;
    next_character(text, behind);
    if (!goes(begin, behind)) break;
    begin = behind;
  }
  while (right && end > begin) {
    size_t last = end - 1;
    while (last > begin && is_continuation(text[last])) last--;
    if (!goes(last, end)) break;
    end = last;
  }
  return {begin, end};
}

}  // namespace ingot::jinja
