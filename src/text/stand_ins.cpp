// Lone surrogates, which PCRE2 does not take; U+180E, which is white space to its \s alone; and the characters that
// Unicode 15 and
// 15.1 added, which PCRE2 knows from release 10.43 on: each is replaced by one of its own kind and length.
#include "text/stand_ins.h"

#include <algorithm>
#include <cstdint>
#include <iterator>

#include "text/utf8.h"

namespace ingot::text {
namespace {

constexpr std::string_view letter = "\xF0\x90\xA8\x90", small_letter = "\xF0\x9D\xBC\x80",
                           modifier = "\xF0\x90\x9E\x80", han = "\xF0\xA0\x80\x80", mark = "\xF0\x90\xA8\x81",
                           short_mark = "\xE0\xBB\x88", number = "\xF0\x90\x92\xA0", punctuation = "\xF0\x90\xA9\x90",
                           symbol = "\xF0\x9F\x98\x80", short_symbol = "\xE2\xBF\xB0", other = "\xEE\x80\x80",
                           format = "\xE2\x81\xA0";

struct Range {
  char32_t first, last;
  std::string_view like;
};
// Sorted. Categories: UnicodeData.txt of Unicode 15.1.
constexpr Range ranges[] = {
    {0xCF3, 0xCF3, short_mark},      {0xECE, 0xECE, short_mark},     {0x180E, 0x180E, format},
    {0x2FFC, 0x2FFF, short_symbol},  {0x31EF, 0x31EF, short_symbol}, {0xD800, 0xDFFF, other},
    {0x10EFD, 0x10EFF, mark},        {0x1123F, 0x11240, letter},     {0x11241, 0x11241, mark},
    {0x11B00, 0x11B09, punctuation}, {0x11F00, 0x11F01, mark},       {0x11F02, 0x11F02, letter},
    {0x11F03, 0x11F03, mark},        {0x11F04, 0x11F10, letter},     {0x11F12, 0x11F33, letter},
    {0x11F34, 0x11F3A, mark},        {0x11F3E, 0x11F42, mark},       {0x11F43, 0x11F4F, punctuation},
    {0x11F50, 0x11F59, number},      {0x1342F, 0x1342F, letter},     {0x13440, 0x13440, mark},
    {0x13441, 0x13446, letter},      {0x13447, 0x13455, mark},       {0x1B132, 0x1B132, letter},
    {0x1B155, 0x1B155, letter},      {0x1D2C0, 0x1D2D3, number},     {0x1DF25, 0x1DF2A, small_letter},
    {0x1E030, 0x1E06D, modifier},    {0x1E08F, 0x1E08F, mark},       {0x1E4D0, 0x1E4EA, letter},
    {0x1E4EB, 0x1E4EB, modifier},    {0x1E4EC, 0x1E4EF, mark},       {0x1E4F0, 0x1E4F9, number},
    {0x1F6DC, 0x1F6DC, symbol},      {0x1F774, 0x1F776, symbol},     {0x1F77B, 0x1F77F, symbol},
    {0x1F7D9, 0x1F7D9, symbol},      {0x1FA75, 0x1FA77, symbol},     {0x1FA87, 0x1FA88, symbol},
    {0x1FAAD, 0x1FAAF, symbol},      {0x1FABB, 0x1FABD, symbol},     {0x1FABF, 0x1FABF, symbol},
    {0x1FACE, 0x1FACF, symbol},      {0x1FADA, 0x1FADB, symbol},     {0x1FAE8, 0x1FAE8, symbol},
    {0x1FAF7, 0x1FAF8, symbol},      {0x2B739, 0x2B739, han},        {0x2EBF0, 0x2EE5D, han},
    {0x31350, 0x323AF, han},
};

// Empty: the character may be seen as it is.
std::string_view stand_in(char32_t character) {
  const auto* range = std::lower_bound(std::begin(ranges), std::end(ranges), character,
                                       [](const Range& r, char32_t c) { return r.last < c; });
  return range != std::end(ranges) && range->first <= character ? range->like : std::string_view();
}

char32_t character_at(std::string_view text, size_t at, size_t bytes) {
  char32_t character = static_cast<uint8_t>(text[at]) & (0xFFu >> (bytes + 1));
  for (size_t i = 1; i < bytes; i++) character = character << 6 | (static_cast<uint8_t>(text[at + i]) & 0x3F);
  return character;
}

}  // namespace

std::string with_stand_ins(std::string_view text) {
  std::string changed;
  for (size_t at = 0, bytes; at < text.size(); at += bytes) {
    bytes = announced_bytes(text[at]);
    if (bytes < 3) continue;
    const std::string_view like = stand_in(character_at(text, at, bytes));
    if (like.empty()) continue;
    if (changed.empty()) changed = text;
    changed.replace(at, bytes, like);
  }
  return changed;
}

}  // namespace ingot::text
