// Values as text: Python's str() and repr().
#include <fmt/core.h>

#include <charconv>
#include <cmath>

#include "jinja/unicode.h"
#include "jinja/value.h"
#include "jinja/whole.h"

namespace ingot::jinja {
namespace {

void write_quoted(Text& out, const Text& text) {
  const std::string& bytes = text.bytes();
  const char quote = bytes.find('\'') != std::string::npos && bytes.find('"') == std::string::npos ? '"' : '\'';
  const Words mark = quote == '"' ? Words("\"") : Words("'");
  out.append(mark);
  text.each_part([&](std::string_view part, Origin origin) {
    for (size_t at = 0; at < part.size();) {
      const size_t from = at;
      const char32_t c = next_character(part, at);
      if (c == U'\n')
        out.append("\\n", origin);
      else if (c == U'\r')
        out.append("\\r", origin);
      else if (c == U'\t')
        out.append("\\t", origin);
      else if (c == U'\\' || c == static_cast<char32_t>(quote))
        out.append(fmt::format("\\{}", static_cast<char>(c)), origin);
      else if (is_printable(c))
        out.append(part.substr(from, at - from), origin);
      else
        out.append(c < 0x100     ? fmt::format("\\x{:02x}", uint32_t{c})
                   : c < 0x10000 ? fmt::format("\\u{:04x}", uint32_t{c})
                                 : fmt::format("\\U{:08x}", uint32_t{c}),
                   origin);
    }
  });
  out.append(mark);
}

void write_items(Text& out, const List& list, Budget& budget, int depth) {
  static constexpr Words openings[] = {"[", "(", "", "", "dict_keys([", "dict_values([", "dict_items(["};
  static constexpr Words closings[] = {"]", ")", "", "", "])", "])", "])"};
  const auto kind = static_cast<size_t>(list.kind);
  if (list.kind == ListKind::range || list.kind == ListKind::generator)
    fail(budget, std::string("a ") + (list.kind == ListKind::range ? "range" : "generator") + " is printed", "", "",
         "make a list of it with |list");
  out.append(openings[kind]);
  for (size_t i = 0; i < list.items.size(); i++) {
    if (i) out.append(", ");
    write_repr(out, list.items[i], budget, depth + 1);
  }
  if (list.kind == ListKind::tuple && list.items.size() == 1) out.append(",");
  out.append(closings[kind]);
}

void write_entries(Text& out, const Dict& dict, Budget& budget, int depth) {
  out.append("{");
  for (size_t i = 0; i < dict.entries.size(); i++) {
    if (i) out.append(", ");
    write_repr(out, dict.entries[i].first, budget, depth + 1);
    out.append(": ");
    write_repr(out, dict.entries[i].second, budget, depth + 1);
  }
  out.append("}");
}

}  // namespace

void write_repr(Text& out, const Value& value, Budget& budget, int depth) {
  budget.step();
  budget.check_text(out.size());
  if (depth > max_value_depth) fail(budget, "a printed value is nested too deeply");
  if (value.is<Undefined>())
    out.append("Undefined");
  else if (value.is<None>())
    out.append("None");
  else if (value.is<bool>())
    out.append(value.as<bool>() ? Words("True") : Words("False"));
  else if (value.is<int64_t>())
    out.append(Text::number(std::to_string(value.as<int64_t>())));
  else if (value.is<BigRef>())
    out.append(Text::number(whole_text(value)));
  else if (value.is<double>())
    out.append(Text::number(float_text(value.as<double>())));
  else if (value.is_text())
    budget.copy(4 * value.text().size()), write_quoted(out, value.text());
  else if (value.is<ListRef>())
    write_items(out, *value.as<ListRef>(), budget, depth);
  else if (value.is<DictRef>())
    write_entries(out, *value.as<DictRef>(), budget, depth);
  else if (value.is<NamespaceRef>()) {
    out.append("<Namespace ");
    write_entries(out, *value.as<NamespaceRef>(), budget, depth);
    out.append(">");
  } else
    fail(budget, "the function '" + value.as<CallableRef>()->name() + "' is printed", "", "",
         "call it, or leave it out");
}

void write_text(Text& out, const Value& value, Budget& budget) {
  if (value.is<Undefined>()) return;
  if (!value.is_text()) return write_repr(out, value, budget);
  budget.copy(value.text().size());
  budget.check_text(out.size() + value.text().size());
  out.append(value.text());
}

Text to_text(const Value& value, Budget& budget) {
  Text text;
  write_text(text, value, budget);
  return text;
}

std::string float_text(double x) {
  if (std::isnan(x)) return "nan";
  if (std::isinf(x)) return x < 0 ? "-inf" : "inf";
  char buffer[40];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, x, std::chars_format::scientific).ptr;
  const std::string shortest(buffer, end);  // d.ddde±xx
  const size_t e = shortest.find('e');
  const int exponent = std::stoi(shortest.substr(e + 1));
  if (exponent < -4 || exponent >= 16) return shortest;
  const int decimals = std::max(1, static_cast<int>(e) - (x < 0 || std::signbit(x)) -
                                       (shortest.find('.') == std::string::npos ? 1 : 2) - exponent);
  return fmt::format("{:.{}f}", x, decimals);
}

}  // namespace ingot::jinja
