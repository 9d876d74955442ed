// Simple mappings are those of the C library; those that are not one to one are listed here.
#include "jinja/casing.h"

#include <wctype.h>

#include <algorithm>
#include <iterator>

#include "jinja/unicode.h"

namespace ingot::jinja {
namespace {

constexpr char32_t sigma = 0x3A3;

struct Special {
  char32_t character;
  const char *upper, *title;
};
// Sorted. Unicode 14, SpecialCasing.txt and, where title and upper case differ, UnicodeData.txt; without U+1F80 to
// U+1FAF.
constexpr Special specials[] = {
    {0xDF, "SS", "Ss"},
    {0x149, "\u02BCN", "\u02BCN"},
    {0x1C4, "\u01C4", "\u01C5"},
    {0x1C5, "\u01C4", "\u01C5"},
    {0x1C6, "\u01C4", "\u01C5"},
    {0x1C7, "\u01C7", "\u01C8"},
    {0x1C8, "\u01C7", "\u01C8"},
    {0x1C9, "\u01C7", "\u01C8"},
    {0x1CA, "\u01CA", "\u01CB"},
    {0x1CB, "\u01CA", "\u01CB"},
    {0x1CC, "\u01CA", "\u01CB"},
    {0x1F0, "J\u030C", "J\u030C"},
    {0x1F1, "\u01F1", "\u01F2"},
    {0x1F2, "\u01F1", "\u01F2"},
    {0x1F3, "\u01F1", "\u01F2"},
    {0x390, "\u0399\u0308\u0301", "\u0399\u0308\u0301"},
    {0x3B0, "\u03A5\u0308\u0301", "\u03A5\u0308\u0301"},
    {0x587, "\u0535\u0552", "\u0535\u0582"},
    {0x1E96, "H\u0331", "H\u0331"},
    {0x1E97, "T\u0308", "T\u0308"},
    {0x1E98, "W\u030A", "W\u030A"},
    {0x1E99, "Y\u030A", "Y\u030A"},
    {0x1E9A, "A\u02BE", "A\u02BE"},
    {0x1F50, "\u03A5\u0313", "\u03A5\u0313"},
    {0x1F52, "\u03A5\u0313\u0300", "\u03A5\u0313\u0300"},
    {0x1F54, "\u03A5\u0313\u0301", "\u03A5\u0313\u0301"},
    {0x1F56, "\u03A5\u0313\u0342", "\u03A5\u0313\u0342"},
    {0x1FB2, "\u1FBA\u0399", "\u1FBA\u0345"},
    {0x1FB3, "\u0391\u0399", "\u1FBC"},
    {0x1FB4, "\u0386\u0399", "\u0386\u0345"},
    {0x1FB6, "\u0391\u0342", "\u0391\u0342"},
    {0x1FB7, "\u0391\u0342\u0399", "\u0391\u0342\u0345"},
    {0x1FBC, "\u0391\u0399", "\u1FBC"},
    {0x1FC2, "\u1FCA\u0399", "\u1FCA\u0345"},
    {0x1FC3, "\u0397\u0399", "\u1FCC"},
    {0x1FC4, "\u0389\u0399", "\u0389\u0345"},
    {0x1FC6, "\u0397\u0342", "\u0397\u0342"},
    {0x1FC7, "\u0397\u0342\u0399", "\u0397\u0342\u0345"},
    {0x1FCC, "\u0397\u0399", "\u1FCC"},
    {0x1FD2, "\u0399\u0308\u0300", "\u0399\u0308\u0300"},
    {0x1FD3, "\u0399\u0308\u0301", "\u0399\u0308\u0301"},
    {0x1FD6, "\u0399\u0342", "\u0399\u0342"},
    {0x1FD7, "\u0399\u0308\u0342", "\u0399\u0308\u0342"},
    {0x1FE2, "\u03A5\u0308\u0300", "\u03A5\u0308\u0300"},
    {0x1FE3, "\u03A5\u0308\u0301", "\u03A5\u0308\u0301"},
    {0x1FE4, "\u03A1\u0313", "\u03A1\u0313"},
    {0x1FE6, "\u03A5\u0342", "\u03A5\u0342"},
    {0x1FE7, "\u03A5\u0308\u0342", "\u03A5\u0308\u0342"},
    {0x1FF2, "\u1FFA\u0399", "\u1FFA\u0345"},
    {0x1FF3, "\u03A9\u0399", "\u1FFC"},
    {0x1FF4, "\u038F\u0399", "\u038F\u0345"},
    {0x1FF6, "\u03A9\u0342", "\u03A9\u0342"},
    {0x1FF7, "\u03A9\u0342\u0399", "\u03A9\u0342\u0345"},
    {0x1FFC, "\u03A9\u0399", "\u1FFC"},
    {0xFB00, "FF", "Ff"},
    {0xFB01, "FI", "Fi"},
    {0xFB02, "FL", "Fl"},
    {0xFB03, "FFI", "Ffi"},
    {0xFB04, "FFL", "Ffl"},
    {0xFB05, "ST", "St"},
    {0xFB06, "ST", "St"},
    {0xFB13, "\u0544\u0546", "\u0544\u0576"},
    {0xFB14, "\u0544\u0535", "\u0544\u0565"},
    {0xFB15, "\u0544\u053B", "\u0544\u056B"},
    {0xFB16, "\u054E\u0546", "\u054E\u0576"},
    {0xFB17, "\u0544\u053D", "\u0544\u056D"},
};

const Special* special(char32_t c) {
  const auto* found = std::ranges::lower_bound(specials, c, {}, &Special::character);
  return found != std::end(specials) && found->character == c ? found : nullptr;
}

// Greek letters with iota subscript, which becomes a separate letter in upper case: eight lower-case ones, then their
// eight title-case ones.
bool has_iota(char32_t c) { return c >= 0x1F80 && c <= 0x1FAF; }
char32_t without_iota(char32_t c) { return (c < 0x1F90 ? 0x1F08 : c < 0x1FA0 ? 0x1F28 : 0x1F68) + (c & 7); }

// Lower-case Georgian letters, whose upper-case forms are used only for whole words.
bool is_georgian(char32_t c) { return c >= 0x10D0 && c <= 0x10FF; }

std::string simple_upper(char32_t c) {
  return utf8(static_cast<char32_t>(towupper_l(static_cast<wint_t>(c), unicode_locale())));
}

}  // namespace

std::string to_upper(char32_t c) {
  if (has_iota(c)) return utf8(without_iota(c)) + "\u0399";
  const Special* rule = special(c);
  return rule ? rule->upper : simple_upper(c);
}

std::string to_title(char32_t c) {
  if (has_iota(c)) return utf8(c | 8);
  if (is_georgian(c)) return utf8(c);
  const Special* rule = special(c);
  return rule ? rule->title : simple_upper(c);
}

std::string to_lower(char32_t c) {
  if (c == 0x130) return "i\u0307";
  return utf8(static_cast<char32_t>(towlower_l(static_cast<wint_t>(c), unicode_locale())));
}

// Unicode's condition Final_Sigma (section 3.13): a letter with case before it, none after it; marks and the like do
// not count.
Lowering::Lowering(std::string_view text) {
  if (text.find("\u03A3") == std::string_view::npos) return;
  bool after_letter = false, waits = false;  // for what follows the last sigma
  for (size_t at = 0; at < text.size();) {
    const char32_t c = next_character(text, at);
    if (is_case_ignorable(c)) continue;
    if (waits) is_final_.back() = !is_cased(c);
    waits = c == sigma && after_letter;
    if (c == sigma) is_final_.push_back(after_letter);
    after_letter = is_cased(c);
  }
}

std::string Lowering::next(char32_t c) {
  if (c != sigma) return to_lower(c);
  return is_final_[sigma_++] ? "\u03C2" : "\u03C3";
}

}  // namespace ingot::jinja
