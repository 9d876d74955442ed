// Numbers: the file's metadata against the spec's parameters, checked before anything is computed from them.
#include <fmt/core.h>

#include <cmath>

#include "foundry/resolve.h"
#include "ingot/error.h"

namespace ingot::foundry {

constexpr int64_t max_layers = 1024;

std::string number_text(double x) { return fmt::format("{:g}", x); }

std::optional<double> number_of(const container::Scalar& scalar) {
  return std::visit(
      [](auto x) -> std::optional<double> {
        if constexpr (std::is_same_v<decltype(x), std::string_view>)
          return std::nullopt;
        else
          return static_cast<double>(x);
      },
      scalar);
}

std::string in_quotes(std::string_view text) {
  std::string s = "\"";
  for (char c : text.substr(0, 64)) s += c >= ' ' && c <= '~' ? c : '?';
  return s + (text.size() > 64 ? "…\"" : "\"");
}

std::string Numbers::stated(const std::string& parameter) const {
  for (const std::string& key : spec_.parameters.at(parameter).keys)
    if (file_.find(prefixed(key))) return prefixed(key);
  return "";
}

std::string Numbers::key_of(const std::string& parameter) const {
  if (std::string key = stated(parameter); !key.empty()) return key;
  const Parameter& p = spec_.parameters.at(parameter);
  return p.keys.empty() ? parameter : prefixed(p.keys[0]);
}

std::string Numbers::name_of(const Expression& e) const {
  return e.name.empty() || !e.divisor.empty() ? e.text() : key_of(e.name);
}

Numbers::Value Numbers::metadata(const std::string& key, const std::string& name) {
  using container::Type;
  const container::Value& value = *file_.find(key);
  bool whole = value.element != Type::f32 && value.element != Type::f64;
  if (value.type != Type::array) return {file_.number_at(key), whole, key};
  // One number per layer: taken when all are the same, as they are in most files that spell them out.
  if (name == "layers" || value.count != static_cast<uint64_t>(layers()))
    throw Error("foundry", key + " is a list of " + std::to_string(value.count) + " values", "",
                name == "layers" ? "one number" : "one number, or one for each layer");
  std::vector<double> each;
  for (const container::Scalar& scalar : container::Gguf::elements(value)) {
    std::optional<double> one = number_of(scalar);
    if (!one || std::holds_alternative<bool>(scalar))
      throw Error("foundry", key + " is a list of " + container::type_name(value.element), "",
                  "one number, or one for each layer");
    each.push_back(*one);
    if (!(*one == each[0]))
      throw Error("foundry", key + " differs from layer to layer", number_text(each[0]) + " and " + number_text(*one),
                  "the same number for every layer", "models whose layers differ in this are not supported");
  }
  return {each[0], whole, key};
}

std::optional<std::vector<bool>> Numbers::flags(const Expression& e) {
  std::string key = e.name.empty() || !e.divisor.empty() ? "" : stated(e.name);
  if (key.empty()) return std::nullopt;
  const container::Value& value = *file_.find(key);
  if (value.type != container::Type::array || value.count != static_cast<uint64_t>(layers())) return std::nullopt;
  std::vector<bool> flags;
  for (const container::Scalar& scalar : container::Gguf::elements(value)) {  // as booleans, or as integers 0 and 1
    std::optional<double> one = number_of(scalar);
    if (!one || (*one != 0 && *one != 1)) return std::nullopt;
    flags.push_back(*one == 1);
  }
  return flags;
}

int Numbers::layers() { return narrow<int>(integer("layers", 1, max_layers)); }

bool Numbers::holds(const Condition& condition) { return parameter(condition.parameter).value == condition.is; }

std::vector<bool> Numbers::layers_of(const LayerRule& rule) {
  using Which = LayerRule::Which;
  const size_t layers = static_cast<size_t>(this->layers());
  if (rule.which == Which::all) return std::vector<bool>(layers, true);
  if (rule.which == Which::when) return std::vector<bool>(layers, holds(rule.when));
  if (auto flags = this->flags(rule.n)) return *flags;
  const int64_t n = integer(rule.n, 0, INT32_MAX);
  std::vector<bool> has;
  for (int64_t l = 1; l <= int64_t(layers); l++) {
    const bool nth = n > 0 && l % n == 0;
    has.push_back(rule.which == Which::first ? l <= n : rule.which == Which::every ? nth : !nth);
  }
  return has;
}

const Numbers::Value& Numbers::parameter(const std::string& name) {
  auto known = values_.find(name);
  if (known != values_.end()) return known->second;
  const Parameter& p = spec_.parameters.at(name);
  if (std::string key = stated(name); !key.empty()) return values_[name] = metadata(key, name);
  const Expression* rule = p.fallback ? &*p.fallback : nullptr;
  if (p.when && holds(*p.when)) rule = &p.then;
  if (!rule)
    throw Error("foundry", "metadata key " + prefixed(p.keys[0]) + " is missing", "", "the model's " + name,
                "the file is incomplete or of another architecture");
  Value value = evaluate(*rule);
  const bool another = !rule->name.empty() && rule->divisor.empty();
  value.origin = name + " (" + (another ? value.origin : rule->text()) + ")";
  return values_[name] = value;
}

Numbers::Value Numbers::evaluate(const Expression& e) {
  if (e.name.empty()) return {e.constant, e.constant == std::floor(e.constant), "the spec's number"};
  const Value top = parameter(e.name);
  if (e.divisor.empty()) return top;
  const Value under = parameter(e.divisor);
  if (!(under.value > 0)) throw Error("foundry", under.origin, number_text(under.value), "more than 0");
  if (!top.whole || !under.whole || std::fmod(top.value, under.value) != 0)
    throw Error("foundry", top.origin, number_text(top.value),
                fmt::format("a multiple of {} ({:g})", under.origin, under.value));
  return {top.value / under.value, true, e.text()};
}

int64_t Numbers::integer(const Expression& e, int64_t low, int64_t high) {
  const Value v = evaluate(e);
  if (!v.whole)
    throw Error("foundry", v.origin, number_text(v.value) + ", not an integer",
                fmt::format("a whole number, {} to {}", low, high));
  if (v.value < static_cast<double>(low) || v.value > static_cast<double>(high))
    throw Error("foundry", v.origin, fmt::format("{:.0f}", v.value), fmt::format("{} to {}", low, high),
                "the file is damaged or no model of this kind");
  return static_cast<int64_t>(v.value);
}

double Numbers::real(const Expression& e, double low, double high) {
  const Value v = evaluate(e);
  if (v.value >= low && v.value <= high) return v.value;
  throw Error("foundry", v.origin, number_text(v.value), fmt::format("{:g} to {:g}", low, high),
              "the file is damaged or no model of this kind");
}

}  // namespace ingot::foundry
