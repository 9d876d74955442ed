// Numbers: the file's metadata against the spec's parameters, checked before anything is computed from them; then the
// blueprint as a whole.
#include <cmath>

#include <fmt/core.h>

#include "foundry/resolve.h"
#include "ingot/error.h"

namespace ingot::foundry {
namespace {

// Bounds that keep every product of two numbers of a model far inside 64 bits. Real models stay well below.
constexpr int64_t max_layers = 1024, max_hidden = 1 << 20, max_ffn = 1 << 24, max_heads = 1 << 16, max_head_size = 1024;

}  // namespace

std::string number_text(double x) { return fmt::format("{:g}", x); }

std::optional<double> number_of(const container::Scalar& scalar) {
  return std::visit([](auto x) -> std::optional<double> {
    if constexpr (std::is_same_v<decltype(x), std::string_view>) return std::nullopt;
    else return static_cast<double>(x);
  }, scalar);
}

std::string quoted(std::string_view text) {
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

Numbers::Value Numbers::metadata(const std::string& key, const std::string& name) {
  using container::Type;
  const container::Value& value = *file_.find(key);
  bool whole = value.element != Type::f32 && value.element != Type::f64;
  if (value.type != Type::array) return {file_.number_at(key), whole, key};
  // One number a layer: taken when all are the same, as they are in most files that spell them out.
  if (name == "layers" || value.count != static_cast<uint64_t>(integer("layers", 1, max_layers)))
    throw Error("foundry", key + " is a list of " + std::to_string(value.count) + " values", "",
                name == "layers" ? "one number" : "one number, or one for each layer");
  std::vector<double> each;
  for (const container::Scalar& scalar : container::Gguf::elements(value)) {
    std::optional<double> one = number_of(scalar);
    if (!one || std::holds_alternative<bool>(scalar))
      throw Error("foundry", key + " is a list of " + container::type_name(value.element), "", "one number, or one for each layer");
    each.push_back(*one);
    if (!(*one == each[0]))
      throw Error("foundry", key + " differs from layer to layer", number_text(each[0]) + " and " + number_text(*one),
                  "the same number for every layer", "models whose layers differ in this are not supported");
  }
  return {each[0], whole, key};
}

std::optional<std::vector<bool>> Numbers::flags(const Expression& e, int64_t layers) const {
  std::string key = e.name.empty() || !e.divisor.empty() ? "" : stated(e.name);
  if (key.empty()) return std::nullopt;
  const container::Value& value = *file_.find(key);
  if (value.type != container::Type::array || value.count != static_cast<uint64_t>(layers)) return std::nullopt;
  std::vector<bool> flags;
  for (const container::Scalar& scalar : container::Gguf::elements(value)) {  // as booleans, or as integers 0 and 1
    std::optional<double> one = number_of(scalar);
    if (!one || (*one != 0 && *one != 1)) return std::nullopt;
    flags.push_back(*one == 1);
  }
  return flags;
}

const Numbers::Value& Numbers::parameter(const std::string& name) {
  auto known = values_.find(name);
  if (known != values_.end()) return known->second;
  const Parameter& p = spec_.parameters.at(name);
  if (std::string key = stated(name); !key.empty()) return values_[name] = metadata(key, name);
  const Expression* rule = p.fallback ? &*p.fallback : nullptr;
  if (!p.when.empty() && parameter(p.when).value == p.is) rule = &p.then;
  if (!rule)
    throw Error("foundry", "metadata key " + prefixed(p.keys[0]) + " is missing", "", "the model's " + name,
                "the file is incomplete or of another architecture");
  Value value = evaluate(*rule);
  value.origin = name + " (" + (rule->name.empty() ? rule->text() : rule->divisor.empty() ? value.origin : rule->text()) + ")";
  return values_[name] = value;
}

Numbers::Value Numbers::evaluate(const Expression& e) {
  if (e.name.empty()) return {e.constant, e.constant == std::floor(e.constant), "the spec's number"};
  const Value top = parameter(e.name);
  if (e.divisor.empty()) return top;
  const Value under = parameter(e.divisor);
  if (!(under.value > 0)) throw Error("foundry", under.origin, number_text(under.value), "more than 0");
  if (!top.whole || !under.whole || std::fmod(top.value, under.value) != 0)
    throw Error("foundry", top.origin, number_text(top.value), fmt::format("a multiple of {} ({:g})", under.origin, under.value));
  return {top.value / under.value, true, e.text()};
}

int64_t Numbers::integer(const Expression& e, int64_t low, int64_t high) {
  const Value v = evaluate(e);
  if (!v.whole)
    throw Error("foundry", v.origin, number_text(v.value) + ", not an integer", fmt::format("a whole number, {} to {}", low, high));
  if (v.value < static_cast<double>(low) || v.value > static_cast<double>(high))
    throw Error("foundry", v.origin, fmt::format("{:.0f}", v.value), fmt::format("{} to {}", low, high),
                "the file is damaged or no model of this kind");
  return static_cast<int64_t>(v.value);
}

double Numbers::real(const Expression& e, double low, double high) {
  const Value v = evaluate(e);
  if (v.value >= low && v.value <= high) return v.value;
  throw Error("foundry", v.origin, number_text(v.value), fmt::format("{:g} to {:g}", low, high), "the file is damaged or no model of this kind");
}

namespace {

/// The model's sizes, in an order that checks each divisor before it divides.
void read_sizes(Blueprint& b, Numbers& numbers) {
  auto read = [&](const char* parameter, int64_t high) { return static_cast<int>(numbers.integer(parameter, 1, high)); };
  b.layers = read("layers", max_layers);
  b.context = read("context", INT32_MAX);
  b.hidden = read("hidden", max_hidden);
  b.ffn = read("ffn", max_ffn);
  b.heads = read("heads", max_heads);
  b.kv_heads = read("kv_heads", max_heads);
  if (b.heads % b.kv_heads != 0)
    throw Error("foundry", numbers.key_of("heads"), std::to_string(b.heads),
                fmt::format("a multiple of {} ({})", numbers.key_of("kv_heads"), b.kv_heads));
  b.head_size = read("head_size", max_head_size);
  if (b.head_size % 2 != 0) throw Error("foundry", numbers.key_of("head_size"), std::to_string(b.head_size), "an even number");
  if (read("value_size", max_head_size) != b.head_size)
    throw Error("foundry", numbers.key_of("value_size"), std::to_string(read("value_size", max_head_size)),
                std::to_string(b.head_size) + ", the size of a key", "heads whose keys and values differ in size are not supported");
}

int rope_dims(const RopeSpec& rope, Numbers& numbers, int head_size) {
  int dims = static_cast<int>(numbers.integer(rope.dims, 2, max_head_size));
  if (dims % 2 == 0 && dims <= head_size) return dims;
  std::string what = rope.dims.name.empty() ? "rope dims" : numbers.key_of(rope.dims.name);
  throw Error("foundry", what, std::to_string(dims), fmt::format("an even number, at most the head size {}", head_size));
}

void add_rope(Blueprint& b, const RopeSpec& rope, Numbers& numbers, Binder& binder) {
  int dims = rope_dims(rope, numbers, b.head_size);
  Vector factors = binder.vector(
      "rope_factors", -1, {dims / 2, rope.dims.name.empty() ? std::vector<std::string>{} : std::vector{rope.dims.name}}, rope.factors);
  for (float f : factors)
    if (!(f > 0)) throw Error("foundry", binder.names().tensor("rope_factors", -1), number_text(f), "numbers above 0: they divide frequencies");
  b.ropes.push_back(make_rope(rope, numbers, dims, factors));
}

/// Which layers see a window only, where there is one.
std::vector<bool> local_layers(const Expression& global_every, Numbers& numbers, int layers) {
  if (auto flags = numbers.flags(global_every, layers)) return *flags;
  int every = static_cast<int>(numbers.integer(global_every, 0, INT32_MAX));
  std::vector<bool> local;
  for (int l = 1; l <= layers; l++) local.push_back(every == 0 || l % every != 0);
  return local;
}

}  // namespace

Blueprint resolve(const container::Gguf& file, const Spec& spec, const Names& names) {
  Numbers numbers(file, spec);
  account_for_keys(numbers, names);
  Blueprint b;
  b.architecture = spec.name;
  read_sizes(b, numbers);
  b.norm_epsilon = static_cast<float>(numbers.real(spec.epsilon, 1e-20, 0.1));
  b.attention_scale = 1 / std::sqrt(static_cast<float>(numbers.integer(spec.query_size, 1, max_hidden)));
  b.activation = spec.activation;
  if (spec.scale_embedding) b.embedding_scale = std::sqrt(static_cast<float>(b.hidden));

  int window = static_cast<int>(numbers.integer(spec.window, 0, INT32_MAX));
  std::vector<bool> local = local_layers(spec.global_every, numbers, b.layers);
  Binder binder(numbers, names);
  add_rope(b, spec.rope, numbers, binder);
  if (window > 0 && spec.local_rope) add_rope(b, *spec.local_rope, numbers, binder);
  b.layer.resize(static_cast<size_t>(b.layers));
  for (size_t l = 0; l < b.layer.size(); l++) {
    b.layer[l].window = local[l] ? window : 0;
    b.layer[l].rope = local[l] && window > 0 && spec.local_rope ? 1 : 0;
  }
  bind(b, numbers, binder);
  account_for_tensors(numbers, names, binder.used());
  return b;
}

Blueprint resolve(const container::Gguf& file) {
  const Names names = read_names("gguf", name_texts());
  std::string_view architecture = file.string_at(names.architecture_key);
  std::string known;
  for (const std::string& one : architectures()) {
    if (architecture == one) return resolve(file, read_spec(one, spec_texts()), names);
    known += (known.empty() ? "" : ", ") + one;
  }
  throw Error("foundry", names.architecture_key, quoted(architecture), "one of " + known, "an architecture is one file in architectures/");
}

std::vector<std::string> architectures() {
  std::vector<std::string> all;
  for (const SpecText& spec : spec_texts()) all.emplace_back(spec.name);
  return all;
}

}  // namespace ingot::foundry
