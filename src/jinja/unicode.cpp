// Categories come from PCRE2, case from the C library, and what neither knows is listed here.
#include "jinja/unicode.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <algorithm>
#include <cstring>
#include <cwchar>
#include <cwctype>
#include <iterator>
#include <memory>
#include <new>
#include <utility>

namespace ingot::jinja {
namespace {

// The characters that a pattern of one character matches.
class Class {
 public:
  explicit Class(std::string_view pattern) {
    int error = 0;
    PCRE2_SIZE at = 0;
    code_.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(), PCRE2_UTF | PCRE2_ANCHORED,
                              &error, &at, nullptr));
    if (!code_) throw std::bad_alloc();  // the patterns are ours
    pcre2_jit_compile(code_.get(), PCRE2_JIT_COMPLETE);
  }
  bool has(char32_t c) const {
    thread_local const std::unique_ptr<pcre2_match_data, void (*)(pcre2_match_data*)> match(
        pcre2_match_data_create(1, nullptr), pcre2_match_data_free);
    if (!match) throw std::bad_alloc();
    const std::string text = utf8(c);
    return pcre2_match(code_.get(), reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), 0, PCRE2_NO_UTF_CHECK,
                       match.get(), nullptr) > 0;
  }

 private:
  struct Free {
    void operator()(pcre2_code* code) const { pcre2_code_free(code); }
  };
  std::unique_ptr<pcre2_code, Free> code_;
};

bool is_continuation(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

}  // namespace

locale_t unicode_locale() {
  static const locale_t locale = [] {
    locale_t found = nullptr;
    for (const char* name : {"C.UTF-8", "UTF-8", "en_US.UTF-8", "C"})
      if (!found) found = newlocale(LC_CTYPE_MASK, name, nullptr);
    return found;
  }();
  return locale;
}

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

std::string beginning(std::string_view text, size_t max_characters) {
  const size_t end = byte_of_character(text, max_characters);
  return std::string(text.substr(0, end)) + (end < text.size() ? "…" : "");
}

size_t byte_of_character(std::string_view text, size_t index) {
  size_t at = 0;
  for (; at < text.size(); at++)
    if (!is_continuation(text[at]) && index-- == 0) return at;
  return at;
}

bool is_space(char32_t c) {
  return (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x20) || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}
bool is_alpha(char32_t c) {
  static const Class letters(R"(\p{L})");
  return letters.has(c);
}

std::optional<int> decimal_value(char32_t c) {
  // Category Nd of Unicode 14: from each of these, ten in a row.
  static constexpr char32_t zeros[] = {
      0x30,    0x660,   0x6F0,   0x7C0,   0x966,   0x9E6,   0xA66,   0xAE6,   0xB66,   0xBE6,   0xC66,
      0xCE6,   0xD66,   0xDE6,   0xE50,   0xED0,   0xF20,   0x1040,  0x1090,  0x17E0,  0x1810,  0x1946,
      0x19D0,  0x1A80,  0x1A90,  0x1B50,  0x1BB0,  0x1C40,  0x1C50,  0xA620,  0xA8D0,  0xA900,  0xA9D0,
      0xA9F0,  0xAA50,  0xABF0,  0xFF10,  0x104A0, 0x10D30, 0x11066, 0x110F0, 0x11136, 0x111D0, 0x112F0,
      0x11450, 0x114D0, 0x11650, 0x116C0, 0x11730, 0x118E0, 0x11950, 0x11C50, 0x11D50, 0x11DA0, 0x16A60,
      0x16AC0, 0x16B50, 0x1D7CE, 0x1D7D8, 0x1D7E2, 0x1D7EC, 0x1D7F6, 0x1E140, 0x1E2F0, 0x1E950, 0x1FBF0,
  };
  const auto* after = std::ranges::upper_bound(zeros, c);
  if (after == std::begin(zeros) || c - after[-1] > 9) return std::nullopt;
  return static_cast<int>(c - after[-1]);
}
bool is_decimal(char32_t c) { return decimal_value(c).has_value(); }

bool is_digit(char32_t c) {
  static constexpr std::pair<char32_t, char32_t> others[] = {
      // Numeric_Type=Digit of Unicode 14
      {0xB2, 0xB3},     {0xB9, 0xB9},       {0x1369, 0x1371},   {0x19DA, 0x19DA},   {0x2070, 0x2070},
      {0x2074, 0x2079}, {0x2080, 0x2089},   {0x2460, 0x2468},   {0x2474, 0x247C},   {0x2488, 0x2490},
      {0x24EA, 0x24EA}, {0x24F5, 0x24FD},   {0x24FF, 0x24FF},   {0x2776, 0x277E},   {0x2780, 0x2788},
      {0x278A, 0x2792}, {0x10A40, 0x10A43}, {0x10E60, 0x10E68}, {0x11052, 0x1105A}, {0x1F100, 0x1F10A}};
  return is_decimal(c) ||
         std::ranges::any_of(others, [c](const auto& range) { return c >= range.first && c <= range.second; });
}

bool is_numeric(char32_t c) {
  static const Class numbers(R"(\p{N})");
  static constexpr std::u32string_view ideographs =  // with Numeric_Type=Numeric in Unicode 14
      U"\u3405\u3483\u382A\u3B4D\u4E00\u4E03\u4E07\u4E09\u4E5D\u4E8C\u4E94\u4E96\u4EBF\u4EC0\u4EDF\u4EE8\u4F0D\u4F70"
      U"\u5104\u5146\u5169\u516B\u516D\u5341\u5343\u5344\u5345\u534C\u53C1\u53C2\u53C3\u53C4\u56DB\u58F1\u58F9\u5E7A"
      U"\u5EFE\u5EFF\u5F0C\u5F0D\u5F0E\u5F10\u62FE\u634C\u67D2\u6F06\u7396\u767E\u8086\u842C\u8CAE\u8CB3\u8D30\u9621"
      U"\u9646\u964C\u9678\u96F6\uF96B\uF973\uF978\uF9B2\uF9D1\uF9D3\uF9FD\U00020001\U00020064\U000200E2\U00020121"
      U"\U0002092A\U00020983\U0002098C\U0002099C\U00020AEA\U00020AFD\U00020B19\U00022390\U00022998\U00023B1B"
      U"\U0002626D\U0002F890";
  return numbers.has(c) || ideographs.find(c) != std::u32string_view::npos;
}

bool is_alphanumeric(char32_t c) { return is_alpha(c) || is_numeric(c); }

bool is_title(char32_t c) {
  static const Class titles(R"(\p{Lt})");
  return titles.has(c);
}
bool is_upper(char32_t c) { return iswupper_l(static_cast<wint_t>(c), unicode_locale()) && !is_title(c); }
bool is_lower(char32_t c) { return iswlower_l(static_cast<wint_t>(c), unicode_locale()) && !is_title(c); }
bool is_cased(char32_t c) { return is_upper(c) || is_lower(c) || is_title(c); }

bool is_case_ignorable(char32_t c) {
  // These categories, and Word_Break=MidLetter, MidNumLet and Single_Quote.
  static const Class ignorable(
      R"([\p{Mn}\p{Me}\p{Cf}\p{Lm}\p{Sk}':\x{B7}\x{387}\x{55F}\x{5F4}\x{2027}\x{FE13}\x{FE55}\x{FF1A}.\x{2018}\x{2019}\x{2024}\x{FE52}\x{FF07}\x{FF0E}])");
  return ignorable.has(c);
}

bool all_cased_are(std::string_view text, bool (*wanted)(char32_t)) {
  bool any = false;
  for (size_t at = 0; at < text.size();) {
    const char32_t c = next_character(text, at);
    const bool is = wanted(c);
    if (!is && is_cased(c)) return false;
    any = any || is;
  }
  return any;
}

bool is_printable(char32_t c) {
  static const Class others(R"([\p{C}\p{Z}])");
  return c == U' ' || !others.has(c);
}

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
