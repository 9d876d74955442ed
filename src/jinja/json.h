// JSON in and out of a template, as Python's json module reads and writes it.
#pragma once
#include <functional>
#include <string_view>

#include "jinja/value.h"

namespace ingot::jinja {

/// The value that `json` spells. `origin`: asked once for each string, keys included, in their order. Errors: no JSON,
/// nested too deeply, a whole number of more than `max_digits`; `what` names it.
Value read_json(Budget& budget, std::string_view json, const std::function<Origin()>& origin, std::string_view what);

struct JsonStyle {
  bool ascii = false, sort_keys = false;
  Value indent = None{};  ///< None: one line; a number of spaces, or a string
  std::optional<Text> item_separator, key_separator;
};
/// Errors: values that JSON does not have.
Text write_json(Budget& budget, const Value& value, const JsonStyle& style);

}  // namespace ingot::jinja
