// Texts are put together and cut; spans that touch become one.
#include "jinja/text.h"

#include <algorithm>

namespace ingot::jinja {

bool Text::from_input(size_t at) const {
  const auto after = std::upper_bound(input_.begin(), input_.end(), at, [](size_t x, const Span& span) { return x < span.end; });
  return after != input_.end() && after->begin <= at;
}

void Text::append(std::string_view bytes, bool from_input) {
  const size_t begin = bytes_.size();
  bytes_ += bytes;
  if (!from_input || bytes.empty()) return;
  if (!input_.empty() && input_.back().end == begin)
    input_.back().end = bytes_.size();
  else
    input_.push_back({begin, bytes_.size()});
}

void Text::append(const Text& text, size_t begin, size_t end) {
  const size_t moved = bytes_.size();
  const std::string_view part = std::string_view(text.bytes_).substr(begin, end - begin);
  const size_t n_spans = text.input_.size();  // `text` may be this one
  auto first = std::upper_bound(text.input_.begin(), text.input_.end(), begin, [](size_t x, const Span& span) { return x < span.end; });
  for (size_t i = static_cast<size_t>(first - text.input_.begin()); i < n_spans && text.input_[i].begin < end; i++) {
    const Span span{std::max(text.input_[i].begin, begin) - begin + moved, std::min(text.input_[i].end, end) - begin + moved};
    if (!input_.empty() && input_.back().end == span.begin)
      input_.back().end = span.end;
    else if (span.begin < span.end)
      input_.push_back(span);
  }
  if (&text == this)
    bytes_ += std::string(part);
  else
    bytes_ += part;
}

Text Text::slice(size_t begin, size_t end) const {
  Text part;
  if (begin < end) part.append(*this, begin, end);
  return part;
}

}  // namespace ingot::jinja
