// Numbers: the file's metadata against the spec's parameters, checked before anything is computed from them; then the
// blueprint as a whole.
#include <cmath>

#include <fmt/format.h>

#include "foundry/resolve.h"
#include "ingot/error.h"

namespace ingot::foundry {
namespace {

// Bounds that keep every product of two numbers of a model far inside 64 bits. Real models stay well below.
constexpr int64_t max_layers = 1024, max_hidden = 1 << 20, max_ffn = 1 << 24, max_heads = 1 << 16, max_head_size = 1024;

}  // namespace

std::string number_text(double x) { return fmt::format("{:g}", x); }

std::string quoted(std::string_view text) {
  std::string s = "\"";
  for (char c : text.substr(0, 64)) s += c >= ' ' && c <= '~' ? c : '?';
  return s + (text.size() > 64 ? "…\"" : "\"");
}

std::string Numbers::key_of(const std::string& parameter) const {
  const Parameter& p = spec_.parameters.at(parameter);
  for (const std::string& key : p.keys)
    if (file_.find(prefixed(key))) return prefixed(key);
  return p.keys.empty() ? parameter : prefixed(p.keys[0]);
}

Numbers::Value Numbers::metadata(const std::string& key, const std::string& name) {
  using container::Type;
  const container::Value& value = *file_.find(key);
  if (value.type != Type::array) return {file_.number_at(key), value.type != Type::f32 && value.type != Type::f64, key};
  // One number a layer: taken when all are the same, as they are in most files that spell them out.
  std::vector<uint64_t> each = file_.unsigneds_at(key);
  if (name == "layers" || each.size() != static_cast<uint64_t>(integer("layers", 1, max_layers)))
    throw Error("foundry", key + " is a list of " + std::to_string(each.size()) + " numbers", "",
                name == "layers" ? "one number" : "one a layer");
  for (uint64_t one : each)
    if (one != each[0])
      throw Error("foundry", key + " differs from layer to layer", fmt::format("{} and {}", each[0], one),
                  "the same number for every layer", "models whose layers differ in size are not supported");
  return {static_cast<double>(each[0]), true, key};
}

const Numbers::Value& Numbers::parameter(const std::string& name) {
  auto known = values_.find(name);
  if (known != values_.end()) return known->second;
  const Parameter& p = spec_.parameters.at(name);
  for (const std::string& key : p.keys)
    if (file_.find(prefixed(key))) return values_[name] = metadata(prefixed(key), name);
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
  if (std::isfinite(v.value) && v.value > low && v.value < high) return v.value;
  std::string expected = "a finite number";
  if (std::isfinite(low)) expected += fmt::format(" above {:g}", low);
  if (std::isfinite(high)) expected += fmt::format(" and below {:g}", high);
  throw Error("foundry", v.origin, number_text(v.value), expected);
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

void add_rope(Blueprint& b, const RopeSpec& rope, Numbers& numbers, const Names& names) {
  int dims = rope_dims(rope, numbers, b.head_size);
  Binder binder(numbers, names);
  Vector factors = binder.vector(
      "rope_factors", -1, {dims / 2, rope.dims.name.empty() ? std::vector<std::string>{} : std::vector{rope.dims.name}}, rope.factors);
  for (float f : factors)
    if (!(f > 0)) throw Error("foundry", names.tensor("rope_factors", -1), number_text(f), "numbers above 0: they divide frequencies");
  b.ropes.push_back(make_rope(rope, numbers, dims, factors));
}

}  // namespace

Blueprint resolve(const container::Gguf& file, const Spec& spec, const Names& names) {
  Numbers numbers(file, spec);
  for (const std::string& key : spec.unsupported)
    if (auto value = file.find_number(numbers.prefixed(key)); value && *value != 0)
      throw Error("foundry", numbers.prefixed(key), number_text(*value), "none or 0", "models of this kind are not supported");

  Blueprint b;
  b.architecture = spec.name;
  read_sizes(b, numbers);
  b.norm_epsilon = static_cast<float>(numbers.real(spec.epsilon, 0, 1));
  b.attention_scale = 1 / std::sqrt(static_cast<float>(numbers.integer(spec.query_size, 1, max_hidden)));
  b.activation = spec.activation;
  if (spec.scale_embedding) b.embedding_scale = std::sqrt(static_cast<float>(b.hidden));

  int window = static_cast<int>(numbers.integer(spec.window, 0, INT32_MAX));
  int global_every = static_cast<int>(numbers.integer(spec.global_every, 0, INT32_MAX));
  add_rope(b, spec.rope, numbers, names);
  if (window > 0 && spec.local_rope) add_rope(b, *spec.local_rope, numbers, names);
  b.layer.resize(b.layers);
  for (int l = 0; l < b.layers; l++) {
    bool global = window == 0 || (global_every > 0 && (l + 1) % global_every == 0);
    b.layer[l].window = global ? 0 : window;
    b.layer[l].rope = !global && spec.local_rope ? 1 : 0;
  }
  bind(b, numbers, names);
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
