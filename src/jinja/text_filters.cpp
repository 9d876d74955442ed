// Filters that return strings, as defined by jinja2; other values are converted to strings first.
#include <fmt/core.h>

#include <algorithm>

#include "jinja/filters.h"
#include "jinja/format.h"
#include "jinja/strings.h"
#include "jinja/unicode.h"

namespace ingot::jinja {
namespace {

template <Text (*change)(Renderer&, const Text&)> Value changed(Renderer& r, const Value& input, const Arguments& a) {
  const Bound b(r, "the filter", a, {});
  return r.text(change(r, to_text(input, r.budget)));
}

/// Each word by itself, so that what ends one has no effect on the next: its first character in upper case, the others
/// in lower case.
Text title_text(Renderer& r, const Text& text) {
  const auto ends_word = [](char32_t c) {
    return is_space(c) || (c < 0x80 && std::string_view("-({[<").find(static_cast<char>(c)) != std::string_view::npos);
  };
  const std::string_view bytes = text.bytes();
  Text out;
  for (size_t at = 0; at < bytes.size();) {
    const size_t begin = at;
    const bool between = ends_word(next_character(bytes, at));
    const size_t first = at;
    for (size_t next = at; next < bytes.size() && ends_word(next_character(bytes, next)) == between;) at = next;
    r.budget.step();
    out.append(upper(r, text.slice(begin, first)));
    out.append(lower(r, text.slice(first, at)));
  }
  return out;
}
Text unchanged(Renderer&, const Text& text) { return text; }

Value trim(Renderer& r, const Value& input, const Arguments& a) {
  const Bound b(r, "trim", a, {"chars"});
  r.budget.copy(input.is_text() ? 8 * input.text().size() : 0);
  return r.text(stripped(to_text(input, r.budget), b.has(0) ? &b.text(0) : nullptr, true, true));
}

Value replace(Renderer& r, const Value& input, const Arguments& a) {
  const Bound b(r, "replace", a, {"old", "new", "count"}, 2);
  return r.text(replaced(r, to_text(input, r.budget), to_text(*b[0], r.budget), to_text(*b[1], r.budget),
                         b.has(2) ? b.integer(2, -1) : -1));
}

Value indent(Renderer& r, const Value& input, const Arguments& a) {
  const Bound b(r, "indent", a, {"width", "first", "blank"});
  const int64_t width = b[0] && b[0]->is_text() ? 0 : std::max<int64_t>(0, b.integer(0, 4));
  r.budget.check_text(static_cast<size_t>(width));
  const Text indention =
      b[0] && b[0]->is_text() ? b[0]->text() : Text::number(std::string(static_cast<size_t>(width), ' '));
  Text text = to_text(input, r.budget);
  text.append("\n");
  std::vector<Text> parts = lines(r, text, false);
  Text out = b.truth(1, false) ? indention : Text();
  for (size_t i = 0; i < parts.size(); i++) {
    if (i) out.append("\n");
    if (i && (b.truth(2, false) || !parts[i].empty())) out.append(indention);
    r.budget.check_text(out.size() + parts[i].size());
    out.append(parts[i]);
  }
  return r.text(std::move(out));
}

Value center(Renderer& r, const Value& input, const Arguments& a) {
  const Bound b(r, "center", a, {"width"});
  return r.text(padded(r, to_text(input, r.budget), b.integer(0, 80), Text(Words(" ")), '^'));
}

Value truncate(Renderer& r, const Value& input, const Arguments& a) {
  const Bound b(r, "truncate", a, {"length", "killwords", "end", "leeway"});
  const Text text = to_text(input, r.budget), end = b[2] ? to_text(*b[2], r.budget) : Text(Words("..."));
  const int64_t length = b.integer(0, 255), leeway = b.has(3) ? b.integer(3, 5) : 5,
                end_length = static_cast<int64_t>(n_characters(end.bytes()));
  if (length < end_length || leeway < 0)
    r.fail("truncate leaves no room for its end", fmt::format("{}", length), fmt::format("at least {}", end_length));
  if (leeway > INT64_MAX - length || static_cast<int64_t>(n_characters(text.bytes())) <= length + leeway)
    return r.text(text);
  Text kept = text.slice(0, byte_of_character(text.bytes(), static_cast<size_t>(length - end_length)));
  if (!b.truth(1, false))
    if (const size_t space = kept.bytes().rfind(' '); space != std::string::npos) kept = kept.slice(0, space);
  kept.append(end);
  return r.text(std::move(kept));
}

Value format(Renderer& r, const Value& input, const Arguments& a) {
  if (!a.positional.empty() && !a.named.empty()) r.fail("format has both positions and names");
  Value values;
  if (a.named.empty()) {
    values = r.list(a.positional, ListKind::tuple);
  } else {
    const DictRef names = r.dict();
    for (const auto& [name, value] : a.named) names->set(r.text(name), value);
    values = names;
  }
  return r.text(percent_format(r, to_text(input, r.budget), values));
}

Value join(Renderer& r, const Value& input, const Arguments& a) {
  const Bound b(r, "join", a, {"d", "attribute"});
  const Text separator = b[0] ? to_text(*b[0], r.budget) : Text();
  std::vector<Text> parts;
  const ListRef items = r.elements(input);
  for (const Value& item : items->items) {
    r.budget.step();
    parts.push_back(to_text(b.has(1) ? r.path(item, *b[1]) : item, r.budget));
  }
  return r.text(joined(r, separator, parts));
}

Value urlencode(Renderer& r, const Value& input, const Arguments& a) {
  const Bound b(r, "urlencode", a, {});
  if (input.is<ListRef>() || input.is<DictRef>())
    r.fail("urlencode of pairs is not supported", described(input), "a string");
  return r.text(mapped(r, to_text(input, r.budget), [](char32_t c) {
    if (c < 0x80 &&
        (is_alphanumeric(c) || std::string_view("_.-~/").find(static_cast<char>(c)) != std::string_view::npos))
      return utf8(c);
    std::string escaped;
    for (const char byte : utf8(c)) escaped += fmt::format("%{:02X}", static_cast<unsigned char>(byte));
    return escaped;
  }));
}

Value wordcount(Renderer& r, const Value& input, const Arguments& a) {
  const Bound b(r, "wordcount", a, {});
  const Text text = to_text(input, r.budget);
  r.budget.copy(8 * text.size());
  int64_t n = 0;
  bool inside = false;
  for (size_t at = 0; at < text.size();) {
    const char32_t c = next_character(text.bytes(), at);
    const bool word = is_alphanumeric(c) || c == U'_';
    n += word && !inside;
    inside = word;
  }
  return n;
}

}  // namespace

void add_text_filters(Filters& filters) {
  filters.insert({{"upper", changed<upper>},
                  {"lower", changed<lower>},
                  {"capitalize", changed<capitalized>},
                  {"title", changed<title_text>},
                  {"string", changed<unchanged>},
                  {"safe", changed<unchanged>},  // marks for HTML, which nothing here escapes
                  {"trim", trim},
                  {"replace", replace},
                  {"indent", indent},
                  {"center", center},
                  {"truncate", truncate},
                  {"format", format},
                  {"join", join},
                  {"urlencode", urlencode},
                  {"wordcount", wordcount}});
}

}  // namespace ingot::jinja
