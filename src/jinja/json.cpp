// Reading goes through the library's events, so that depth is checked before anything is built; writing keeps where
// strings came from.
#include "jinja/json.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "jinja/sort.h"
#include "jinja/unicode.h"
#include "jinja/whole.h"

namespace ingot::jinja {
namespace {

/// Builds values from events. The containers that are still open form a stack.
class Builder : public nlohmann::json_sax<nlohmann::json> {
 public:
  Builder(Budget& budget, const std::function<Origin()>& origin) : budget_(budget), origin_(origin) {}
  Value result;
  std::string error;

  bool null() override { return add(None{}); }
  bool boolean(bool value) override { return add(value); }
  bool number_integer(number_integer_t value) override { return add(static_cast<int64_t>(value)); }
  bool number_unsigned(number_unsigned_t value) override {
    return value > INT64_MAX ? add(whole(&budget_, std::to_string(value))) : add(static_cast<int64_t>(value));
  }
  bool number_float(number_float_t value, const string_t& digits) override {
    return add(digits.find_first_of(".eE") == std::string::npos ? whole(&budget_, digits) : Value(value));
  }
  bool string(string_t& value) override { return add(make_text(budget_, Text(value, origin_()))); }
  bool binary(binary_t&) override { return false; }
  bool start_object(std::size_t) override { return open(true); }
  bool start_array(std::size_t) override { return open(false); }
  bool key(string_t& value) override {
    open_.back().keys.push_back(make_text(budget_, Text(value, origin_())));
    return true;
  }
  bool end_object() override {
    const auto dict = std::make_shared<Dict>(&budget_);
    Open done = close();
    for (size_t i = 0; i < done.keys.size(); i++) dict->set(done.keys[i], std::move(done.values[i]));
    return add(dict);
  }
  bool end_array() override { return add(make_list(budget_, close().values)); }
  bool parse_error(std::size_t at, const std::string&, const nlohmann::detail::exception& e) override {
    // What was read last is left out: it may end inside a character.
    const std::string_view text = e.what(), read = "; last read";
    const size_t begin = std::min(text.find("] ") + 2, text.size()), end = std::min(text.find(read), text.size());
    error = fmt::format("byte {}: {}", at, text.substr(begin, std::max(begin, end) - begin));
    return false;
  }

 private:
  struct Open {
    std::vector<Value> keys, values;
  };
  bool open(bool) {
    if (open_.size() >= static_cast<size_t>(max_value_depth) / 2) {
      error = "nested too deeply";
      return false;
    }
    open_.emplace_back();
    return true;
  }
  Open close() {
    Open done = std::move(open_.back());
    open_.pop_back();
    return done;
  }
  bool add(Value value) {
    budget_.step();
    if (open_.empty())
      result = std::move(value);
    else
      open_.back().values.push_back(std::move(value));
    return true;
  }

  Budget& budget_;
  const std::function<Origin()>& origin_;
  std::vector<Open> open_;
};

class Writer {
 public:
  Writer(Budget& budget, const JsonStyle& style) : budget_(budget), style_(style) {
    if (style.indent.is_text())
      indent_ = style.indent.text();
    else if (style.indent.is_integer()) {
      const int64_t n = std::max<int64_t>(0, style.indent.integer());
      budget_.check_text(static_cast<size_t>(n));
      indent_ = Text::number(std::string(static_cast<size_t>(n), ' '));
    } else if (!style.indent.is<None>()) {
      fail(budget_, "the indent of JSON is not a number", described(style.indent));
    }
    pretty_ = !style.indent.is<None>();
    between_ = style.item_separator.value_or(pretty_ ? Words(",") : Words(", "));
    behind_key_ = style.key_separator.value_or(Text(Words(": ")));
  }

  void write(const Value& value, int depth) {
    budget_.step();
    budget_.check_text(out.size());
    if (depth > max_value_depth) fail(budget_, "what is written as JSON is nested too deeply");
    if (value.is<None>())
      out.append("null");
    else if (value.is<bool>())
      out.append(value.as<bool>() ? Words("true") : Words("false"));
    else if (value.is<int64_t>())
      out.append(Text::number(std::to_string(value.as<int64_t>())));
    else if (value.is<BigRef>())
      out.append(Text::number(whole_text(value)));
    else if (value.is<double>())
      number(value.as<double>());
    else if (value.is_text())
      string(value.text());
    else if (value.is<DictRef>())
      object(*value.as<DictRef>(), depth);
    else if (value.is<ListRef>() && value.as<ListRef>()->kind <= ListKind::generator)
      array(value.as<ListRef>()->items, depth);
    else if (value.is<Undefined>())
      fail_undefined(budget_, value.as<Undefined>());
    else
      fail(budget_, described(value) + " cannot be written as JSON");
  }
  Text out;

 private:
  void new_line(int depth) {
    if (!pretty_) return;
    out.append("\n");
    budget_.step(static_cast<uint64_t>(depth));
    budget_.check_text(out.size() + static_cast<size_t>(depth) * indent_.size());
    for (int i = 0; i < depth; i++) out.append(indent_);
  }
  void number(double x) {
    out.append(Text::number(std::isnan(x)   ? "NaN"
                            : std::isinf(x) ? (x < 0 ? "-Infinity" : "Infinity")
                                            : float_text(x)));
  }
  void array(const std::vector<Value>& items, int depth) {
    out.append("[");
    for (size_t i = 0; i < items.size(); i++) {
      if (i) out.append(between_);
      new_line(depth + 1);
      write(items[i], depth + 1);
    }
    if (!items.empty()) new_line(depth);
    out.append("]");
  }
  void object(const Dict& dict, int depth) {
    auto entries = dict.entries;
    budget_.step(entries.size());
    if (style_.sort_keys)
      sort_stably(entries, [&](const auto& a, const auto& b) { return compare(a.first, b.first, budget_) < 0; });
    out.append("{");
    for (size_t i = 0; i < entries.size(); i++) {
      if (i) out.append(between_);
      new_line(depth + 1);
      key(entries[i].first);
      out.append(behind_key_);
      write(entries[i].second, depth + 1);
    }
    if (!entries.empty()) new_line(depth);
    out.append("}");
  }
  void key(const Value& key) {
    if (key.is_text()) return string(key.text());
    if (!key.is_number() && !key.is<None>()) fail(budget_, "a key cannot be written as JSON", described(key));
    out.append("\"");
    write(key, 0);
    out.append("\"");
  }
  void string(const Text& text) {
    budget_.copy(4 * text.size());
    out.append("\"");
    text.each_part([&](std::string_view part, Origin origin) {
      for (size_t at = 0; at < part.size();) {
        const size_t from = at;
        const char32_t c = next_character(part, at);
        static constexpr std::string_view plain = "\"\\\n\r\t\b\f", letters = "\"\\nrtbf";
        if (const size_t i = c < 0x80 ? plain.find(static_cast<char>(c)) : plain.npos; i != plain.npos)
          out.append(fmt::format("\\{}", letters[i]), origin);
        else if (c >= 0x20 && (c < 0x80 || !style_.ascii) && (c != 0x7F || !style_.ascii))
          out.append(part.substr(from, at - from), origin);
        else if (c < 0x10000)
          out.append(fmt::format("\\u{:04x}", uint32_t{c}), origin);
        else
          out.append(fmt::format("\\u{:04x}\\u{:04x}", 0xD800 + ((c - 0x10000) >> 10), 0xDC00 + (c & 0x3FF)), origin);
      }
    });
    out.append("\"");
  }

  Budget& budget_;
  const JsonStyle& style_;
  Text indent_, between_, behind_key_;
  bool pretty_ = false;
};

}  // namespace

Value read_json(Budget& budget, std::string_view json, const std::function<Origin()>& origin, std::string_view what) {
  Builder builder(budget, origin);
  if (!nlohmann::json::sax_parse(json.begin(), json.end(), &builder))
    throw Error("jinja", std::string(what) + " cannot be read", builder.error, "JSON");
  return builder.result;
}

Text write_json(Budget& budget, const Value& value, const JsonStyle& style) {
  Writer writer(budget, style);
  writer.write(value, 0);
  return std::move(writer.out);
}

}  // namespace ingot::jinja
