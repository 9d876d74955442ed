// Text that knows where it came from: bytes in UTF-8, and which of them were copied from the conversation and not from
// the template. A control token that a user spells out can so be told from one that the template writes. The origin of
// bytes cannot be left out: text is made of a literal of this program, of digits, of parts of other texts, or of bytes
// and an origin, and the template's own origin is given out to nobody but those who read the template.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ingot::jinja {

/// Who wrote some bytes: the template (or this program), or the conversation, whose strings are numbered from 1 on.
class Origin {
 public:
  static Origin input(uint32_t number) { return Origin(number); }
  bool is_input() const { return number_ != 0; }
  /// Of the string in the conversation; 0: the template's.
  uint32_t number() const { return number_; }
  bool operator==(const Origin&) const = default;

 private:
  friend class Text;      // for literals and digits
  friend class Parser;    // strings of the template
  friend struct Literal;  // text of the template
  friend class Template;  // what the model file gives to the template
  constexpr explicit Origin(uint32_t number) : number_(number) {}
  static constexpr Origin of_template() { return Origin(0); }
  uint32_t number_;
};

/// A string literal of this program: nothing else becomes one.
class Words {
 public:
  template <size_t n> consteval Words(const char (&literal)[n]) : bytes_(literal, n - 1) {}  // NOLINT: implicit
  constexpr std::string_view bytes() const { return bytes_; }

 private:
  std::string_view bytes_;
};

/// Bytes [begin, end) of a text.
struct Span {
  size_t begin, end;
  bool operator==(const Span&) const = default;
};

class Text {
 public:
  Text() = default;
  Text(Words words) : bytes_(words.bytes()) {}  // NOLINT: implicit
  Text(std::string_view bytes, Origin origin) { append(bytes, origin); }
  /// How a number is written. Errors: std::logic_error when `digits` holds more than letters, digits and + - . , % or a
  /// blank.
  static Text number(std::string_view digits);

  const std::string& bytes() const { return bytes_; }
  size_t size() const { return bytes_.size(); }
  bool empty() const { return bytes_.empty(); }
  /// The parts that came from the conversation: in order, not empty, none touches the next.
  std::vector<Span> input() const;
  /// What a result that depends on all of this text counts as: the conversation's where any part is.
  Origin origin() const { return parts_.empty() ? Origin::of_template() : parts_.front().origin; }
  /// The same for bytes [begin, end).
  Origin origin(size_t begin, size_t end) const { return slice(begin, end).origin(); }
  /// How many parts there are to keep in mind.
  size_t n_parts() const { return parts_.size(); }

  void append(Words words) { bytes_ += words.bytes(); }
  void append(std::string_view bytes, Origin origin);
  void append(const Text& text) { append(text, 0, text.size()); }
  /// Bytes [begin, end) of `text`.
  void append(const Text& text, size_t begin, size_t end);
  Text slice(size_t begin, size_t end) const;

  /// Calls `each(bytes, origin)` for every longest part of one origin, in order.
  template <typename Each> void each_part(Each&& each) const {
    const std::string_view all = bytes_;
    size_t at = 0;
    for (const Part& part : parts_) {
      if (part.begin > at) each(all.substr(at, part.begin - at), Origin::of_template());
      each(all.substr(part.begin, part.end - part.begin), part.origin);
      at = part.end;
    }
    if (at < all.size()) each(all.substr(at), Origin::of_template());
  }

 private:
  struct Part {
    size_t begin, end;
    Origin origin;
  };
  void add(Part part);
  std::string bytes_;
  std::vector<Part> parts_;  // of the conversation: in order, not empty; two that touch are of different strings
};

}  // namespace ingot::jinja
