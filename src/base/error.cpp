#include "ingot/error.h"

#include <fmt/core.h>

#include <string_view>

#include "base/printable.h"

namespace ingot {
namespace {

// Bytes per part. `got` quotes a file or a user; the others are mostly our own words, with lists of names and paths.
constexpr size_t max_got_bytes = 200, max_other_bytes = 1200;

bool is_inside_character(std::string_view text, size_t at) { return at < text.size() && (text[at] & 0xC0) == 0x80; }

/// The beginning and the end of a long part, since a path may precede the important text.
std::string shortened(std::string_view text, size_t max_bytes) {
  if (text.size() <= max_bytes) return printable(text, max_bytes);
  size_t head = max_bytes / 2, tail = text.size() - max_bytes / 2;
  for (int i = 0; i < 3 && is_inside_character(text, head); i++) --head;
  for (int i = 0; i < 3 && is_inside_character(text, tail); i++) ++tail;
  return fmt::format("{} … {} ({} bytes)", printable(text.substr(0, head), head),
                     printable(text.substr(tail), text.size()), text.size());
}

std::string text_of(const std::string& room, const std::string& what, const std::string& got,
                    const std::string& expected, const std::string& advice) {
  std::string s = "[" + room + "] " + shortened(what, max_other_bytes);
  if (!got.empty()) s += "; got " + shortened(got, max_got_bytes);
  if (!expected.empty()) s += "; expected " + shortened(expected, max_other_bytes);
  if (!advice.empty()) s += "; " + shortened(advice, max_other_bytes);
  return s;
}

}  // namespace

Error::Error(const std::string& room, const std::string& what, const std::string& got, const std::string& expected,
             const std::string& advice)
    : std::runtime_error(text_of(room, what, got, expected, advice)), room_(room) {}

Error Error::in_file(const std::string& file) const {
  const std::string before = "[" + room_ + "] ";
  return {room_, before + shortened(file, max_other_bytes) + ": " + std::string(what()).substr(before.size()), Whole()};
}

}  // namespace ingot
