// Texts are changed by parts of one origin, so that what came from the conversation stays marked.
#include "jinja/strings.h"

#include <algorithm>

#include "jinja/casing.h"
#include "jinja/unicode.h"

namespace ingot::jinja {

void pay_backward_search(Renderer& r, std::string_view text, std::string_view wanted) {
  constexpr size_t short_bytes = 64;
  if (wanted.size() > short_bytes) r.budget.copy(text.size() * wanted.size());
}

Text upper(Renderer& r, const Text& text) { return mapped(r, text, to_upper); }

Text lower(Renderer& r, const Text& text) {
  Lowering small(text.bytes());
  return mapped(r, text, [&](char32_t c) { return small.next(c); });
}

Text capitalized(Renderer& r, const Text& text) {
  Lowering small(text.bytes());
  bool first = true;
  return mapped(r, text, [&](char32_t c) {
    std::string lowered = small.next(c);
    return std::exchange(first, false) ? to_title(c) : lowered;
  });
}

Text replaced(Renderer& r, const Text& text, const Text& from, const Text& to, int64_t max_count) {
  const std::string_view bytes = text.bytes();
  Text out;
  size_t at = 0;
  r.budget.copy(4 * bytes.size());
  for (; max_count != 0; max_count--) {
    size_t found = from.empty() ? at : find_text(bytes, from.bytes(), at);
    if (found == std::string_view::npos) break;
    r.budget.step();
    r.budget.check_text(out.size() + to.size());
    if (from.empty()) {  // before every character, and at the end
      out.append(to);
      if (at == bytes.size()) break;
      size_t behind = at;
      next_character(bytes, behind);
      out.append(text, at, behind);
      at = behind;
      continue;
    }
    out.append(text, at, found);
    out.append(to);
    at = found + from.size();
  }
  if (at < bytes.size()) out.append(text, at, bytes.size());
  return out;
}

Text stripped(const Text& text, const Text* chars, bool left, bool right) {
  const std::string_view set = chars ? std::string_view(chars->bytes()) : std::string_view();
  const Ends ends = strip(text.bytes(), chars ? &set : nullptr, left, right);
  return text.slice(ends.begin, ends.end);
}

std::vector<Text> split(Renderer& r, const Text& text, const Text* separator, int64_t max_count, bool from_right) {
  const std::string_view bytes = text.bytes();
  r.budget.copy(4 * bytes.size());
  std::vector<Span> cuts;  // what is between the parts
  if (separator) {
    if (separator->empty()) r.fail("a string is split at an empty separator");
    const auto n = static_cast<int64_t>(separator->size());
    if (!from_right) {
      for (size_t at = 0; max_count != 0 && (at = find_text(bytes, separator->bytes(), at)) != std::string_view::npos;
           max_count--)
        cuts.push_back({at, at + separator->size()}), at += separator->size();
    } else {
      pay_backward_search(r, bytes, separator->bytes());
      for (auto end = static_cast<int64_t>(bytes.size()); max_count != 0 && end >= n; max_count--) {
        const size_t at = bytes.rfind(separator->bytes(), static_cast<size_t>(end - n));
        if (at == std::string_view::npos) break;
        cuts.insert(cuts.begin(), {at, at + separator->size()});
        r.budget.step(cuts.size() / 16);
        end = static_cast<int64_t>(at);
      }
    }
  } else {
    std::vector<Span> words;
    for (size_t at = 0; at < bytes.size();) {
      const size_t from = at;
      const bool space = is_space(next_character(bytes, at));
      if (space) continue;
      if (words.empty() || words.back().end != from)
        words.push_back({from, at});
      else
        words.back().end = at;
    }
    const Held held(&r.budget, words.size() * (sizeof(Span) + sizeof(Text)));
    std::vector<Text> parts;
    const size_t n = words.size(),
                 cut = max_count < 0 || static_cast<size_t>(max_count) >= n ? n : static_cast<size_t>(max_count);
    r.budget.step(n);
    if (!from_right) {
      for (size_t i = 0; i < cut; i++) parts.push_back(text.slice(words[i].begin, words[i].end));
      if (cut < n) parts.push_back(text.slice(words[cut].begin, bytes.size()));  // the rest keeps its trailing space
    } else {
      if (cut < n) parts.push_back(text.slice(0, words[n - cut - 1].end));
      for (size_t i = n - cut; i < n; i++) parts.push_back(text.slice(words[i].begin, words[i].end));
    }
    return parts;
  }
  r.budget.step(cuts.size());
  const Held held(&r.budget, cuts.size() * (sizeof(Span) + sizeof(Text)));
  std::vector<Text> parts;
  size_t from = 0;
  for (const Span& cut : cuts) {
    parts.push_back(text.slice(from, cut.begin));
    from = cut.end;
  }
  parts.push_back(text.slice(from, bytes.size()));
  return parts;
}

std::vector<Text> lines(Renderer& r, const Text& text, bool keep_ends) {
  const std::string_view bytes = text.bytes();
  r.budget.copy(4 * bytes.size());
  std::vector<Text> all;
  size_t from = 0;
  for (size_t at = 0; at < bytes.size();) {
    const size_t end = at;
    const char32_t c = next_character(bytes, at);
    const bool breaks = (c >= 0x0A && c <= 0x0D) || (c >= 0x1C && c <= 0x1E) || c == 0x85 || c == 0x2028 || c == 0x2029;
    if (!breaks) continue;
    if (c == U'\r' && at < bytes.size() && bytes[at] == '\n') at++;
    r.budget.step();
    all.push_back(text.slice(from, keep_ends ? at : end));
    from = at;
  }
  if (from < bytes.size()) all.push_back(text.slice(from, bytes.size()));
  return all;
}

Text joined(Renderer& r, const Text& separator, const std::vector<Text>& parts) {
  Text out;
  for (size_t i = 0; i < parts.size(); i++) {
    if (i) out.append(separator);
    r.budget.check_text(out.size() + parts[i].size());
    out.append(parts[i]);
  }
  r.budget.copy(out.size());
  r.budget.step(parts.size());
  return out;
}

Text padded(Renderer& r, const Text& text, int64_t width, const Text& fill, char side) {
  const auto length = static_cast<int64_t>(n_characters(text.bytes()));
  if (width <= length) return text;
  const int64_t missing = width - length;
  r.budget.check_text(static_cast<size_t>(missing));
  r.budget.step(static_cast<uint64_t>(missing));
  const int64_t left = side == '<' ? 0 : side == '>' ? missing : missing / 2 + (missing & width & 1);
  Text out;
  for (int64_t i = 0; i < left; i++) out.append(fill);
  out.append(text);
  for (int64_t i = left; i < missing; i++) out.append(fill);
  return out;
}

}  // namespace ingot::jinja
