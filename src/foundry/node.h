// A value in the JSON of a spec and the way to it: reads fields by type, refuses what is not expected, words the error
// with file and field, and notes which parameters are referred to. Internal to the files that read specs.
#pragma once
#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include "foundry/spec.h"
#include "ingot/error.h"

namespace ingot::foundry {

using nlohmann::json;

/// "a, b or c"
inline std::string listed(const std::vector<std::string>& words) {
  std::string s;
  for (size_t i = 0; i < words.size(); i++) s += (i == 0 ? "" : i + 1 == words.size() ? " or " : ", ") + words[i];
  return s;
}

/// A parameter that a spec refers to, and where.
struct Use {
  std::string path, parameter;
};

/// Refers to the JSON and to `uses`, which must outlive it.
class Node {
 public:
  Node(const json& value, std::string path, std::string source, std::vector<Use>& uses)
      : value_(value), path_(std::move(path)), source_(std::move(source)), uses_(uses) {}

  [[noreturn]] void refuse(const std::string& expected) const {
    std::string got = value_.dump(-1, ' ', true);  // ASCII: may be cut anywhere
    if (got.size() > 60) got = got.substr(0, 60) + "…";
    throw Error("foundry", source_ + ": " + (path_.empty() ? "the file" : path_), got, expected);
  }

  /// Refuses fields other than `known`.
  void fields(const std::vector<std::string>& known) const {
    object();
    for (const auto& [name, ignored] : value_.items())
      if (std::find(known.begin(), known.end(), name) == known.end())
        throw Error("foundry", source_ + ": " + under(name) + " is not a field of a spec", "", listed(known));
  }
  std::optional<Node> find(const std::string& name) const {
    object();
    auto at = value_.find(name);
    if (at == value_.end()) return std::nullopt;
    return Node(*at, under(name), source_, uses_);
  }
  Node at(const std::string& name) const {
    if (auto node = find(name)) return *node;
    throw Error("foundry", source_ + ": " + under(name) + " is missing");
  }
  std::vector<std::pair<std::string, Node>> items() const {
    object();
    std::vector<std::pair<std::string, Node>> all;
    for (const auto& [name, value] : value_.items()) all.emplace_back(name, Node(value, under(name), source_, uses_));
    return all;
  }

  /// The same place with another value.
  Node with(const json& value) const { return Node(value, path_, source_, uses_); }

  bool is_flag() const { return value_.is_boolean(); }
  bool is_text() const { return value_.is_string(); }
  bool is_object() const { return value_.is_object(); }
  /// The text *, which stands for anything.
  bool is_any() const { return value_ == "*"; }
  const json& value() const { return value_; }
  std::string text() const {
    if (!value_.is_string() || value_.get_ref<const std::string&>().empty()) refuse("a string");
    return value_.get<std::string>();
  }
  bool flag() const {
    if (!value_.is_boolean()) refuse("true or false");
    return value_.get<bool>();
  }
  double number() const {
    if (!value_.is_number() || !std::isfinite(value_.get<double>())) refuse("a number");
    return value_.get<double>();
  }
  std::vector<std::string> texts() const {
    if (value_.is_string()) return {text()};
    if (!value_.is_array() || value_.empty()) refuse("a string or a list of strings");
    std::vector<std::string> all;
    for (const json& one : value_) all.push_back(Node(one, path_, source_, uses_).text());
    return all;
  }
  /// The entries of a list; of anything else, itself.
  std::vector<Node> list() const {
    if (!value_.is_array()) return {*this};
    std::vector<Node> all;
    for (const json& one : value_) all.emplace_back(one, path_, source_, uses_);
    return all;
  }
  template <class T> T choice(std::initializer_list<std::pair<const char*, T>> choices) const {
    std::vector<std::string> words;
    for (const auto& [word, meaning] : choices) {
      if (value_.is_string() && value_.get_ref<const std::string&>() == word) return meaning;
      words.push_back(fmt::format("\"{}\"", word));
    }
    refuse(listed(words));
  }
  Expression expression() const {
    Expression e;
    if (value_.is_number()) {
      e.constant = number();
      return e;
    }
    if (!value_.is_string()) refuse("a number, a parameter or \"parameter / parameter\"");
    std::string words = text();
    size_t slash = words.find('/');
    e.name = parameter(words.substr(0, slash));
    if (slash != std::string::npos) e.divisor = parameter(words.substr(slash + 1));
    return e;
  }
  /// One parameter and its value, {"layers": 62}; the field `beside` is for others to read.
  Condition condition(const std::string& beside = "") const {
    const std::string expected = beside.empty() ? "one parameter and a number" : "one parameter and \"" + beside + "\"";
    Condition c;
    for (const auto& [name, value] : items()) {
      if (name == beside) continue;
      if (!c.parameter.empty()) refuse(expected);
      c = {name, value.number()};
    }
    if (c.parameter.empty()) refuse(expected);
    uses_.push_back({path_, c.parameter});
    return c;
  }

 private:
  void object() const {
    if (!value_.is_object()) refuse("an object");
  }
  std::string under(const std::string& name) const { return path_.empty() ? name : path_ + "." + name; }
  std::string parameter(const std::string& padded) const {
    size_t from = padded.find_first_not_of(' '), to = padded.find_last_not_of(' ');
    std::string name = from == std::string::npos ? "" : padded.substr(from, to - from + 1);
    if (name.empty() || name.find_first_of(" /") != std::string::npos)
      refuse("a number, a parameter or \"parameter / parameter\"");
    uses_.push_back({path_, name});
    return name;
  }

  const json& value_;
  std::string path_, source_;
  std::vector<Use>& uses_;
};

/// Reads the fields `blocks` and `layers` of a whole spec (block_spec.cpp).
void read_blocks(const Node& spec, Spec& into);

}  // namespace ingot::foundry
