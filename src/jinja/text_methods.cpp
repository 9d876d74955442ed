// Methods of strings, called as Python calls them.
#include <algorithm>

#include "jinja/casing.h"
#include "jinja/format.h"
#include "jinja/methods.h"
#include "jinja/strings.h"
#include "jinja/unicode.h"

namespace ingot::jinja {
namespace {

Value texts(Renderer& r, std::vector<Text> parts, ListKind kind = ListKind::list) {
  std::vector<Value> values;
  values.reserve(parts.size());
  for (Text& part : parts) values.push_back(r.text(std::move(part)));
  return r.list(std::move(values), kind);
}

const Text* optional_text(const Bound& b, size_t i) { return b.has(i) ? &b.text(i) : nullptr; }

template <bool left, bool right> Value strip_method(Renderer& r, const Value& self, const Arguments& a) {
  const Bound b(r, "strip", a, {"chars"});
  r.budget.copy(8 * self.text().size());
  return r.text(stripped(self.text(), optional_text(b, 0), left, right));
}

template <bool from_right> Value split_method(Renderer& r, const Value& self, const Arguments& a) {
  const Bound b(r, "split", a, {"sep", "maxsplit"});
  return texts(r, split(r, self.text(), optional_text(b, 0), b.integer(1, -1), from_right));
}

template <bool from_right> Value partition(Renderer& r, const Value& self, const Arguments& a) {
  const Bound b(r, "partition", a, {"sep"}, 1);
  const Text &text = self.text(), &separator = b.text(0);
  if (separator.empty()) r.fail("a string is split at an empty separator");
  r.budget.copy(4 * text.size());
  if (from_right) pay_backward_search(r, text.bytes(), separator.bytes());
  const size_t at = from_right ? text.bytes().rfind(separator.bytes()) : find_text(text.bytes(), separator.bytes());
  if (at == std::string::npos)
    return texts(r, from_right ? std::vector{Text(), Text(), text} : std::vector{text, Text(), Text()},
                 ListKind::tuple);
  return texts(
      r, {text.slice(0, at), text.slice(at, at + separator.size()), text.slice(at + separator.size(), text.size())},
      ListKind::tuple);
}

/// The part of a text that `start` and `end` of find, count, startswith … choose; null if `start` is past the end.
struct Part {
  bool valid;
  size_t begin, end;
  std::string_view of(std::string_view bytes) const {
    return valid ? bytes.substr(begin, end - begin) : std::string_view();
  }
};
Part part_of(Renderer& r, const Text& text, const Bound& b) {
  r.budget.copy(4 * text.size());
  if (!b.has(1) && !b.has(2)) return {true, 0, text.size()};
  const auto n = static_cast<int64_t>(n_characters(text.bytes()));
  const auto index = [n](int64_t at) { return at < 0 ? std::max<int64_t>(0, at + n) : at; };
  const int64_t begin = b.has(1) ? index(b.integer(1, 0)) : 0, end = std::min(n, b.has(2) ? index(b.integer(2, n)) : n);
  if (begin > end) return {false, 0, 0};
  return {true, byte_of_character(text.bytes(), static_cast<size_t>(begin)),
          byte_of_character(text.bytes(), static_cast<size_t>(end))};
}

template <bool at_end> Value affix_test(Renderer& r, const Value& self, const Arguments& a) {
  const Bound b(r, at_end ? "endswith" : "startswith", a, {at_end ? "suffix" : "prefix", "start", "end"}, 1);
  const Part part = part_of(r, self.text(), b);
  const std::string_view text = part.of(self.bytes());
  const auto holds = [&](const Text& affix) {
    return part.valid && (at_end ? text.ends_with(affix.bytes()) : text.starts_with(affix.bytes()));
  };
  if (!b[0]->is<ListRef>() || b[0]->as<ListRef>()->kind != ListKind::tuple) return holds(b.text(0));
  bool any = false;
  for (const Value& one : b[0]->as<ListRef>()->items) {
    if (!one.is_text()) r.fail("an affix is not a string", described(one));
    any = any || holds(one.text());
  }
  return any;
}

template <bool from_right, bool must> Value find(Renderer& r, const Value& self, const Arguments& a) {
  const Bound b(r, must ? "index" : "find", a, {"sub", "start", "end"}, 1);
  const Part part = part_of(r, self.text(), b);
  const std::string_view text = part.of(self.bytes()), wanted = b.text(0).bytes();
  if (from_right) pay_backward_search(r, text, wanted);
  const size_t at = !part.valid ? std::string_view::npos : from_right ? text.rfind(wanted) : find_text(text, wanted);
  if (at != std::string_view::npos) return static_cast<int64_t>(character_at_byte(self.bytes(), part.begin + at));
  if (must) r.fail("substring not found", described(*b[0]));
  return int64_t{-1};
}

Value count_in_text(Renderer& r, const Value& self, const Arguments& a) {
  const Bound b(r, "count", a, {"sub", "start", "end"}, 1);
  const Part part = part_of(r, self.text(), b);
  const std::string_view text = part.of(self.bytes()), wanted = b.text(0).bytes();
  if (!part.valid) return int64_t{0};
  if (wanted.empty()) return static_cast<int64_t>(n_characters(text)) + 1;
  int64_t n = 0;
  for (size_t at = 0; (at = find_text(text, wanted, at)) != std::string_view::npos; at += wanted.size()) n++;
  return n;
}

Value replace_method(Renderer& r, const Value& self, const Arguments& a) {
  const Bound b(r, "replace", a, {"old", "new", "count"}, 2);
  return r.text(replaced(r, self.text(), b.text(0), b.text(1), b.integer(2, -1)));
}

Value join_method(Renderer& r, const Value& self, const Arguments& a) {
  const Bound b(r, "join", a, {"iterable"}, 1);
  std::vector<Text> parts;
  const ListRef items = r.elements(*b[0]);
  for (const Value& item : items->items) {
    if (!item.is_text())
      r.fail("a joined value is not a string", described(item), "", "the filter |join takes other values too");
    parts.push_back(item.text());
  }
  return r.text(joined(r, self.text(), parts));
}

template <Text (*change)(Renderer&, const Text&)> Value changed(Renderer& r, const Value& self, const Arguments& a) {
  const Bound b(r, "a string's method", a, {});
  return r.text(change(r, self.text()));
}

Text title_method(Renderer& r, const Text& text) {
  Lowering small(text.bytes());
  bool inside = false;
  return mapped(r, text, [&](char32_t c) {
    std::string lowered = small.next(c);
    return std::exchange(inside, is_cased(c)) ? lowered : to_title(c);
  });
}
Text swapped_case(Renderer& r, const Text& text) {
  Lowering small(text.bytes());
  return mapped(r, text, [&](char32_t c) {
    std::string lowered = small.next(c);
    return is_upper(c) ? lowered : is_lower(c) ? to_upper(c) : utf8(c);
  });
}

template <char side> Value pad_method(Renderer& r, const Value& self, const Arguments& a) {
  const Bound b(r, "ljust, rjust or center", a, {"width", "fillchar"}, 1);
  const Text fill = b.has(1) ? b.text(1) : Text(Words(" "));
  if (n_characters(fill.bytes()) != 1) r.fail("the fill is not a single character", fill.bytes());
  return r.text(padded(r, self.text(), b.integer(0, 0), fill, side));
}

Value zfill(Renderer& r, const Value& self, const Arguments& a) {
  const Bound b(r, "zfill", a, {"width"}, 1);
  const bool has_sign = self.bytes().starts_with('-') || self.bytes().starts_with('+');
  Text out = self.text().slice(0, has_sign);
  out.append(
      padded(r, self.text().slice(has_sign, self.text().size()), b.integer(0, 0) - has_sign, Text(Words("0")), '>'));
  return r.text(std::move(out));
}

template <bool at_end> Value remove_affix(Renderer& r, const Value& self, const Arguments& a) {
  const Bound b(r, at_end ? "removesuffix" : "removeprefix", a, {"affix"}, 1);
  const Text &text = self.text(), &affix = b.text(0);
  const bool there = at_end ? text.bytes().ends_with(affix.bytes()) : text.bytes().starts_with(affix.bytes());
  if (!there) return self;
  return r.text(at_end ? text.slice(0, text.size() - affix.size()) : text.slice(affix.size(), text.size()));
}

Value splitlines(Renderer& r, const Value& self, const Arguments& a) {
  const Bound b(r, "splitlines", a, {"keepends"});
  return texts(r, lines(r, self.text(), b.truth(0, false)));
}

Value format_method(Renderer& r, const Value& self, const Arguments& a) {
  return r.text(brace_format(r, self.text(), a));
}

/// Do all characters satisfy `is`, and is there at least one?
template <bool (*is)(char32_t)> Value all_are(Renderer& r, const Value& self, const Arguments& a) {
  const Bound b(r, "a test of characters", a, {});
  const std::string_view text = self.bytes();
  r.budget.copy(8 * text.size());
  for (size_t at = 0; at < text.size();)
    if (!is(next_character(text, at))) return false;
  return !text.empty();
}
template <bool (*wanted)(char32_t)> Value case_is(Renderer& r, const Value& self, const Arguments& a) {
  const Bound b(r, "a test of case", a, {});
  r.budget.copy(8 * self.bytes().size());
  return all_cased_are(self.bytes(), wanted);
}

}  // namespace

const Methods& text_methods() {
  static const Methods methods = {
      {"strip", strip_method<true, true>},
      {"lstrip", strip_method<true, false>},
      {"rstrip", strip_method<false, true>},
      {"split", split_method<false>},
      {"rsplit", split_method<true>},
      {"splitlines", splitlines},
      {"partition", partition<false>},
      {"rpartition", partition<true>},
      {"startswith", affix_test<false>},
      {"endswith", affix_test<true>},
      {"removeprefix", remove_affix<false>},
      {"removesuffix", remove_affix<true>},
      {"find", find<false, false>},
      {"rfind", find<true, false>},
      {"index", find<false, true>},
      {"rindex", find<true, true>},
      {"count", count_in_text},
      {"replace", replace_method},
      {"join", join_method},
      {"upper", changed<upper>},
      {"lower", changed<lower>},
      {"capitalize", changed<capitalized>},
      {"title", changed<title_method>},
      {"swapcase", changed<swapped_case>},
      {"ljust", pad_method<'<'>},
      {"rjust", pad_method<'>'>},
      {"center", pad_method<'^'>},
      {"zfill", zfill},
      {"format", format_method},
      {"isalpha", all_are<is_alpha>},
      {"isalnum", all_are<is_alphanumeric>},
      {"isdecimal", all_are<is_decimal>},
      {"isdigit", all_are<is_digit>},
      {"isnumeric", all_are<is_numeric>},
      {"isspace", all_are<is_space>},
      {"islower", case_is<is_lower>},
      {"isupper", case_is<is_upper>},
  };
  return methods;
}

}  // namespace ingot::jinja
