// UTF-8 sequences: validating, repairing, and where text may be split.
#include "text/utf8.h"

#include <algorithm>
#include <cstdint>
#include <optional>

#include "text/tokenizer.h"

namespace ingot::text {
namespace {

constexpr std::string_view replacement = "\xEF\xBF\xBD";  // U+FFFD

uint8_t byte_at(std::string_view bytes, size_t i) { return static_cast<uint8_t>(bytes[i]); }
bool continues(uint8_t byte) { return (byte & 0xC0) == 0x80; }

struct Lenient {
  char32_t character;
  size_t bytes;
};

// Only the bit patterns count here: overlong spellings and surrogates decode.
std::optional<Lenient> decode_leniently(std::string_view bytes) {
  const uint8_t lead = byte_at(bytes, 0);
  if (lead < 0x80) return Lenient{lead, 1};
  if (lead < 0xC0 || lead >= 0xF8) return std::nullopt;
  const size_t n = announced_bytes(bytes[0]);
  if (bytes.size() < n) return std::nullopt;
  char32_t character = lead & (0xFF >> (n + 1));
  for (size_t i = 1; i < n; i++) {
    if (!continues(byte_at(bytes, i))) return std::nullopt;
    character = character << 6 | (byte_at(bytes, i) & 0x3F);
  }
  if (character > 0x10FFFF) return std::nullopt;
  return Lenient{character, n};
}

}  // namespace

size_t announced_bytes(char lead) {
  const auto byte = static_cast<uint8_t>(lead);
  return byte < 0xC0 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
}

Sequence first_sequence(std::string_view bytes) {
  const uint8_t lead = byte_at(bytes, 0);
  if (lead < 0x80) return {Sequence::whole, 1};
  if (lead < 0xC2 || lead > 0xF4) return {Sequence::malformed, 1};
  // The second byte has a narrower range after four leads: no overlong spelling, no surrogate, nothing above U+10FFFF.
  const uint8_t low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
  const uint8_t high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
  const size_t n = announced_bytes(bytes[0]);
  for (size_t i = 1; i < n; i++) {
    if (i == bytes.size()) return {Sequence::unfinished, i};
    const uint8_t byte = byte_at(bytes, i);
    if (i == 1 ? byte < low || byte > high : !continues(byte)) return {Sequence::malformed, i};
  }
  return {Sequence::whole, n};
}

void append_utf8(std::string& out, char32_t character) {
  const auto put = [&](char32_t byte) { out += static_cast<char>(byte); };
  if (character < 0x80) {
    put(character);
  } else if (character < 0x800) {
    put(0xC0 | character >> 6);
    put(0x80 | (character & 0x3F));
  } else if (character < 0x10000) {
    put(0xE0 | character >> 12);
    put(0x80 | (character >> 6 & 0x3F));
    put(0x80 | (character & 0x3F));
  } else {
    put(0xF0 | character >> 18);
    put(0x80 | (character >> 12 & 0x3F));
    put(0x80 | (character >> 6 & 0x3F));
    put(0x80 | (character & 0x3F));
  }
}

std::string lenient_utf8(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size());
  while (!bytes.empty()) {
    const auto decoded = decode_leniently(bytes);
    if (decoded) {
      append_utf8(out, decoded->character);
    } else {
      out += replacement;
    }
    bytes.remove_prefix(decoded ? decoded->bytes : 1);
  }
  return out;
}

size_t complete_utf8(std::string_view bytes) {
  // Only the last three bytes can belong to an unfinished character.
  for (size_t back = 1; back <= std::min<size_t>(3, bytes.size()); back++) {
    const size_t at = bytes.size() - back;
    if (continues(byte_at(bytes, at))) continue;
    const Sequence last = first_sequence(bytes.substr(at));
    return last.state == Sequence::unfinished ? at : bytes.size();
  }
  return bytes.size();
}

std::string repair_utf8(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size());
  while (!bytes.empty()) {
    const Sequence sequence = first_sequence(bytes);
    out += sequence.state == Sequence::whole ? bytes.substr(0, sequence.bytes) : replacement;
    bytes.remove_prefix(sequence.bytes);
  }
  return out;
}

}  // namespace ingot::text
