// Text that knows where it came from: bytes in UTF-8, and which of them were copied from the conversation and not from the template.
// Every operation on strings keeps this, so that a control token that a user spells out can be told from one that the template writes.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace ingot::jinja {

/// Bytes [begin, end) of a text.
struct Span {
  size_t begin, end;
  bool operator==(const Span&) const = default;
};

class Text {
 public:
  Text() = default;
  explicit Text(std::string_view bytes, bool from_input = false) { append(bytes, from_input); }

  const std::string& bytes() const { return bytes_; }
  size_t size() const { return bytes_.size(); }
  bool empty() const { return bytes_.empty(); }
  /// The parts that came from the conversation: in order, not empty, none touches the next.
  const std::vector<Span>& input() const { return input_; }
  /// Did the byte at `at` come from the conversation?
  bool from_input(size_t at) const;

  void append(std::string_view bytes, bool from_input = false);
  void append(const Text& text) { append(text, 0, text.size()); }
  /// Bytes [begin, end) of `text`.
  void append(const Text& text, size_t begin, size_t end);
  Text slice(size_t begin, size_t end) const;

  /// Calls `each(bytes, from_input)` for every longest part of one origin, in order.
  template <typename Each> void each_part(Each&& each) const {
    const std::string_view all = bytes_;
    size_t at = 0;
    for (const Span& span : input_) {
      if (span.begin > at) each(all.substr(at, span.begin - at), false);
      each(all.substr(span.begin, span.end - span.begin), true);
      at = span.end;
    }
    if (at < all.size()) each(all.substr(at), false);
  }

 private:
  std::string bytes_;
  std::vector<Span> input_;
};

}  // namespace ingot::jinja
