// Texts are put together and cut; parts that touch and are of one string become one.
#include "jinja/text.h"

#include <algorithm>
#include <stdexcept>

namespace ingot::jinja {

Text Text::number(std::string_view digits) {
  const bool plain = std::ranges::all_of(digits, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           std::string_view("+-.,% ").find(c) != std::string_view::npos;
  });
  if (!plain) throw std::logic_error("what is written as a number is none");
  return Text(digits, Origin::of_template());
}

std::vector<Span> Text::input() const {
  std::vector<Span> spans;
  for (const Part& part : parts_) {
    if (!spans.empty() && spans.back().end == part.begin)
      spans.back().end = part.end;
    else
      spans.push_back({part.begin, part.end});
  }
  return spans;
}

void Text::add(Part part) {
  if (part.begin == part.end) return;
  if (!parts_.empty() && parts_.back().end == part.begin && parts_.back().origin == part.origin)
    parts_.back().end = part.end;
  else
    parts_.push_back(part);
}

void Text::append(std::string_view bytes, Origin origin) {
  const size_t begin = bytes_.size();
  bytes_ += bytes;
  if (origin.is_input()) add({begin, bytes_.size(), origin});
}

void Text::append(const Text& text, size_t begin, size_t end) {
  const size_t moved = bytes_.size();
  const std::string_view bytes = std::string_view(text.bytes_).substr(begin, end - begin);
  const size_t n_parts = text.parts_.size();  // `text` may be this one
  auto first = std::upper_bound(text.parts_.begin(), text.parts_.end(), begin,
                                [](size_t x, const Part& part) { return x < part.end; });
  for (size_t i = static_cast<size_t>(first - text.parts_.begin()); i < n_parts && text.parts_[i].begin < end; i++) {
    const Part part = text.parts_[i];
    add({std::max(part.begin, begin) - begin + moved, std::min(part.end, end) - begin + moved, part.origin});
  }
  if (&text == this)
    bytes_ += std::string(bytes);
  else
    bytes_ += bytes;
}

Text Text::slice(size_t begin, size_t end) const {
  Text part;
  if (begin < end) part.append(*this, begin, end);
  return part;
}

}  // namespace ingot::jinja
