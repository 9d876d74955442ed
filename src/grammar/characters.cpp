// Ranges of code points, and their cutting into sequences of byte sets.
#include "grammar/characters.h"

#include <algorithm>
#include <array>

#include "text/utf8.h"

namespace ingot::grammar {
namespace {

constexpr char32_t last = 0x10FFFF, surrogates = 0xD800, after_surrogates = 0xE000;

void add_bytes(Expressions& grammar, char32_t low, char32_t high, std::vector<Id>& out) {
  std::string from, to;
  text::append_utf8(from, low);
  text::append_utf8(to, high);
  std::vector<Id> parts;
  for (size_t i = 0; i < from.size(); i++) {
    ByteSet set;
    for (unsigned b = static_cast<uint8_t>(from[i]); b <= static_cast<uint8_t>(to[i]); b++) set.set(b);
    parts.push_back(grammar.bytes(set));
  }
  out.push_back(grammar.sequence(parts));
}

/// Cuts low…high until every piece is a product of byte ranges: all of one length, and where two bytes differ, those
/// behind them run through all of their values.
void add_range(Expressions& grammar, char32_t low, char32_t high, std::vector<Id>& out) {
  for (char32_t end : {char32_t{0x7F}, char32_t{0x7FF}, char32_t{0xFFFF}}) {
    if (low > end || high <= end) continue;
    add_range(grammar, low, end, out);
    return add_range(grammar, end + 1, high, out);
  }
  for (int bits = 6; high > 0x7F && bits <= 18; bits += 6) {
    const char32_t tail = (char32_t{1} << bits) - 1;
    if ((low & ~tail) == (high & ~tail)) break;
    if (low & tail) {
      add_range(grammar, low, low | tail, out);
      return add_range(grammar, (low | tail) + 1, high, out);
    }
    if ((high & tail) != tail) {
      add_range(grammar, low, (high & ~tail) - 1, out);
      return add_range(grammar, high & ~tail, high, out);
    }
  }
  add_bytes(grammar, low, high, out);
}

}  // namespace

void CharacterSet::add(char32_t low, char32_t high) {
  high = std::min(high, last);
  if (low < surrogates && high >= surrogates) add(low, surrogates - 1);
  if (low < after_surrogates && high >= surrogates) low = after_surrogates;
  if (low > high) return;
  auto from = std::ranges::find_if(ranges_, [&](Range r) { return r.second + 1 >= low; });
  auto to = from;
  for (; to != ranges_.end() && to->first <= high + 1; ++to)
    low = std::min(low, to->first), high = std::max(high, to->second);
  ranges_.insert(ranges_.erase(from, to), {low, high});
}

CharacterSet CharacterSet::complement() const {
  CharacterSet rest;
  char32_t next = 0;
  for (auto [low, high] : ranges_) {
    if (low > next) rest.add(next, low - 1);
    next = high + 1;
  }
  if (next <= last) rest.add(next, last);
  return rest;
}

CharacterSet CharacterSet::intersection(const CharacterSet& other) const {
  CharacterSet outside = complement();
  outside.add(other.complement());
  return outside.complement();
}

bool CharacterSet::contains(char32_t c) const {
  return std::ranges::any_of(ranges_, [c](Range r) { return r.first <= c && c <= r.second; });
}

Id utf8(Expressions& grammar, const CharacterSet& set) {
  std::vector<Id> pieces;
  for (auto [low, high] : set.ranges()) add_range(grammar, low, high, pieces);
  return grammar.choice(pieces);
}

Id json_character(Expressions& grammar, const CharacterSet& set) {
  static const CharacterSet raw = CharacterSet{{0, 0x1F}, {'"', '"'}, {'\\', '\\'}}.complement();
  constexpr std::array<std::pair<char, char>, 7> short_forms{
      {{'"', '"'}, {'\\', '\\'}, {'\b', 'b'}, {'\f', 'f'}, {'\n', 'n'}, {'\r', 'r'}, {'\t', 't'}}};
  std::vector<Id> spellings{utf8(grammar, set.intersection(raw))};
  ByteSet after_backslash;
  for (auto [character, letter] : short_forms)
    if (set.contains(static_cast<char32_t>(character))) after_backslash.set(static_cast<uint8_t>(letter));
  spellings.push_back(grammar.sequence({grammar.text("\\"), grammar.bytes(after_backslash)}));
  for (char32_t c = 0; c < 0x20; c++) {
    const bool is_short =
        std::ranges::any_of(short_forms, [c](auto form) { return static_cast<char32_t>(form.first) == c; });
    if (!is_short && set.contains(c))
      spellings.push_back(grammar.text(std::string{'\\', 'u', '0', '0', "01"[c >> 4], "0123456789abcdef"[c & 15]}));
  }
  return grammar.choice(spellings);
}

char32_t take_character(std::string_view& text, std::string_view where) {
  const text::Sequence sequence = text::first_sequence(text);
  if (sequence.state != text::Sequence::whole) throw Error("grammar", "malformed UTF-8 in " + std::string(where));
  const auto lead = static_cast<uint8_t>(text[0]);
  char32_t character = sequence.bytes == 1 ? lead : lead & (0xFF >> (sequence.bytes + 1));
  for (size_t i = 1; i < sequence.bytes; i++) character = character << 6 | (static_cast<uint8_t>(text[i]) & 0x3F);
  text.remove_prefix(sequence.bytes);
  return character;
}

}  // namespace ingot::grammar
