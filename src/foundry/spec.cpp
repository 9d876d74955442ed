// From JSON to Spec and Names. With node.h the only place that knows JSON.
#include "foundry/spec.h"

#include <algorithm>
#include <functional>
#include <set>
#include <utility>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include "foundry/node.h"
#include "ingot/error.h"

namespace ingot::foundry {
namespace {

const SpecText& find_text(std::string_view name, std::span<const SpecText> texts, const std::string& what) {
  std::vector<std::string> known;
  for (const SpecText& one : texts) {
    if (name == one.name) return one;
    known.push_back(one.name);
  }
  throw Error("foundry", what, fmt::format("\"{}\"", name), listed(known));
}

json parse(const SpecText& text, const std::string& source) {
  try {
    return json::parse(text.text);
  } catch (const json::parse_error& e) { throw Error("foundry", source + " is not JSON", e.what(), "", "mend the file"); }
}

/// The spec's JSON laid over that of the one it extends, field by field. `chain`: names from the leaf up.
json merged(std::string_view name, std::span<const SpecText> texts, std::vector<std::string>& chain) {
  std::string source = "architectures/" + std::string(name) + ".json";
  if (std::find(chain.begin(), chain.end(), name) != chain.end()) {
    std::string way;
    for (const std::string& one : chain) way += one + " → ";
    throw Error("foundry", "architectures/" + chain.front() + ".json: extends runs in a circle", way + std::string(name));
  }
  std::string what = chain.empty() ? "architecture" : "architectures/" + chain.back() + ".json: extends";
  const SpecText& text = find_text(name, texts, what);
  chain.emplace_back(name);
  json own = parse(text, source);
  if (!own.is_object()) Node(own, "", source).refuse("an object");
  auto parent = own.find("extends");
  if (parent == own.end()) return own;
  std::string parent_name = Node(*parent, "extends", source).text();
  own.erase("extends");
  json base = merged(parent_name, texts, chain);
  base.merge_patch(own);
  return base;
}

Presence presence(const Node& node) {
  return node.choice<Presence>({{"none", Presence::none}, {"required", Presence::required}, {"if_present", Presence::if_present}});
}

Parameter parameter(const Node& node) {
  node.fields({"key", "default", "when"});
  Parameter p;
  if (auto key = node.find("key")) p.keys = key->texts();
  if (auto fallback = node.find("default")) p.fallback = fallback->expression();
  if (auto when = node.find("when")) {
    p.then = when->at("value").expression();
    for (const auto& [name, value] : when->items()) {
      if (name == "value") continue;
      if (!p.when.empty()) when->refuse("one parameter and \"value\"");
      p.when = name;
      p.is = value.number();
    }
    if (p.when.empty()) when->refuse("one parameter and \"value\"");
  }
  if (p.keys.empty() && !p.fallback) node.refuse("\"key\", \"default\" or both");
  return p;
}

ScalingSpec scaling(const Node& node) {
  node.fields({"kind", "factor", "original_context", "magnitude", "yarn_magnitude", "extrapolation", "beta_fast", "beta_slow"});
  Node kind = node.at("kind");
  kind.fields({"key", "default"});
  return {kind.at("key").text(),
          kind.at("default").choice<std::string>({{"none", "none"}, {"linear", "linear"}, {"yarn", "yarn"}}),
          node.at("factor").expression(),
          node.at("original_context").expression(),
          node.at("magnitude").expression(),
          node.at("yarn_magnitude").expression(),
          node.at("extrapolation").expression(),
          node.at("beta_fast").expression(),
          node.at("beta_slow").expression()};
}

RopeSpec rope(const Node& node) {
  node.fields({"pairing", "dims", "base", "factors", "scaling"});
  RopeSpec r;
  r.pairing =
      node.at("pairing").choice<plan::Rope::Pairing>({{"neighbours", plan::Rope::Pairing::neighbours}, {"halves", plan::Rope::Pairing::halves}});
  r.dims = node.at("dims").expression();
  r.base = node.at("base").expression();
  r.factors = presence(node.at("factors"));
  Node how = node.at("scaling");
  if (how.is_object())
    r.scaling = scaling(how);
  else
    how.choice<int>({{"none", 0}});
  return r;
}

Harmless harmless(const Node& node) {
  node.fields({"keys", "tensors"});
  Harmless h;
  if (auto keys = node.find("keys"))
    for (const auto& [name, value] : keys->items()) {
      Harmless::Key key{name, {}};
      if (!value.is_any())
        for (const Node& one : value.list()) key.values.push_back(one.is_flag() ? Expression{double(one.flag()), "", ""} : one.expression());
      h.keys.push_back(std::move(key));
    }
  if (auto tensors = node.find("tensors")) h.tensors = tensors->texts();
  return h;
}

/// Parameters that foundry reads by name, whatever the architecture.
const std::vector<std::string> required_parameters = {"layers", "context", "hidden", "heads", "kv_heads", "head_size", "value_size", "ffn"};

/// Every name in an expression is a parameter, every parameter is in an expression, and none is defined by itself.
void check_parameters(const Spec& spec) {
  auto refuse = [&](const std::string& what, const std::string& expected = "") {
    throw Error("foundry", spec.source + ": " + what, "", expected);
  };
  std::set<std::string> used(required_parameters.begin(), required_parameters.end());
  auto known = [&](const std::string& name, const std::string& where) {
    if (!name.empty() && !spec.parameters.contains(name)) refuse(where + " speaks of \"" + name + "\"", "a name in parameters");
    used.insert(name);
  };
  auto expression = [&](const Expression& e, const std::string& where) {
    known(e.name, where);
    known(e.divisor, where);
  };
  for (const std::string& name : required_parameters)
    if (!spec.parameters.contains(name)) refuse("parameters." + name + " is missing");
  for (const auto& [name, p] : spec.parameters) {
    if (p.fallback) expression(*p.fallback, "parameters." + name + ".default");
    known(p.when, "parameters." + name + ".when");
    expression(p.then, "parameters." + name + ".when.value");
  }
  expression(spec.epsilon, "norm.epsilon");
  expression(spec.query_size, "attention.query_size");
  expression(spec.window, "attention.window");
  expression(spec.global_every, "attention.global_every");
  auto rope_expressions = [&](const RopeSpec& r, const std::string& where) {
    expression(r.dims, where + ".dims");
    expression(r.base, where + ".base");
    if (!r.scaling) return;
    const ScalingSpec& s = *r.scaling;
    for (const Expression* e :
         {&s.factor, &s.original_context, &s.magnitude, &s.yarn_magnitude, &s.extrapolation, &s.beta_fast, &s.beta_slow})
      expression(*e, where + ".scaling");
  };
  rope_expressions(spec.rope, "rope");
  if (spec.local_rope) rope_expressions(*spec.local_rope, "local_rope");
  for (const Harmless::Key& key : spec.harmless.keys)
    for (const Expression& value : key.values) expression(value, "harmless.keys." + key.name);
  for (const auto& [name, p] : spec.parameters)  // what a key says would be lost
    if (!used.contains(name)) refuse("parameters." + name + " is not used");

  std::set<std::string> done, open;
  std::function<void(const std::string&)> visit = [&](const std::string& name) {
    if (name.empty() || done.contains(name)) return;
    if (!open.insert(name).second) refuse("parameters." + name + " is defined by itself");
    const Parameter& p = spec.parameters.at(name);
    for (const std::string& next :
         {p.fallback ? p.fallback->name : "", p.fallback ? p.fallback->divisor : "", p.when, p.then.name, p.then.divisor})
      visit(next);
    done.insert(name);
  };
  for (const auto& [name, p] : spec.parameters) visit(name);
}

}  // namespace

std::string Expression::text() const {
  if (name.empty()) return json(constant).dump();
  return divisor.empty() ? name : name + " / " + divisor;
}

std::string Names::tensor(const std::string& role, int layer) const {
  std::string name = tensors.at(role);
  size_t at = name.find("{layer}");
  if (at != std::string::npos) name.replace(at, 7, std::to_string(layer));
  return name;
}

Spec read_spec(std::string_view name, std::span<const SpecText> texts) {
  std::vector<std::string> chain;
  json all = merged(name, texts, chain);
  Spec spec;
  spec.name = name;
  spec.source = "architectures/" + spec.name + ".json";
  for (size_t i = 1; i < chain.size(); i++) spec.source += (i == 1 ? " (extends " : ", ") + chain[i] + (i + 1 == chain.size() ? ")" : "");

  Node node(all, "", spec.source);
  node.fields({"about", "extends", "parameters", "harmless", "norm", "embedding", "attention", "rope", "local_rope", "mlp", "head"});
  node.at("about").text();
  for (const auto& [parameter_name, one] : node.at("parameters").items()) spec.parameters.emplace(parameter_name, parameter(one));
  if (auto more = node.find("harmless")) spec.harmless = harmless(*more);

  Node norm = node.at("norm");
  norm.fields({"kind", "epsilon"});
  norm.at("kind").choice<int>({{"rms", 0}});
  spec.epsilon = norm.at("epsilon").expression();

  Node embedding = node.at("embedding");
  embedding.fields({"scale"});
  spec.scale_embedding = embedding.at("scale").choice<bool>({{"none", false}, {"sqrt_hidden", true}});

  Node attention = node.at("attention");
  attention.fields({"bias", "qk_norm", "post_norm", "query_size", "window", "global_every"});
  spec.attention_bias = presence(attention.at("bias"));
  spec.qk_norm = attention.at("qk_norm").flag();
  spec.attention_post_norm = attention.at("post_norm").flag();
  spec.query_size = attention.at("query_size").expression();
  spec.window = attention.at("window").expression();
  spec.global_every = attention.at("global_every").expression();

  spec.rope = rope(node.at("rope"));
  if (auto own = node.find("local_rope")) {  // says only what differs from rope
    json local = node.at("rope").value();
    own->fields({"pairing", "dims", "base", "factors", "scaling"});
    local.merge_patch(own->value());
    spec.local_rope = rope(Node(local, "local_rope", spec.source));
  }

  Node mlp = node.at("mlp");
  mlp.fields({"gate", "activation", "post_norm"});
  if (!mlp.at("gate").flag()) mlp.at("gate").refuse("true: only gated MLPs are known");
  spec.activation = mlp.at("activation")
                        .choice<plan::Activation>({{"silu", plan::Activation::silu}, {"gelu_tanh", plan::Activation::gelu_tanh}});
  spec.mlp_post_norm = mlp.at("post_norm").flag();

  Node head = node.at("head");
  head.fields({"tied"});
  spec.head =
      head.at("tied").choice<Presence>({{"always", Presence::none}, {"never", Presence::required}, {"if_absent", Presence::if_present}});

  check_parameters(spec);
  return spec;
}

Names read_names(std::string_view name, std::span<const SpecText> texts) {
  static const std::vector<std::string> roles = {
      "embedding", "rope_factors", "attention_norm",      "q",        "k",    "v",  "q_bias", "k_bias",        "v_bias",    "q_norm",
      "k_norm",    "output",       "attention_post_norm", "mlp_norm", "gate", "up", "down",   "mlp_post_norm", "head_norm", "head"};
  std::string source = "architectures/names/" + std::string(name) + ".json";
  const json all = parse(find_text(name, texts, "tensor names"), source);
  Node node(all, "", source);
  node.fields({"about", "keys", "format_space", "endings", "harmless", "tensors"});
  Names names;
  Node keys = node.at("keys");
  keys.fields({"architecture", "tokens"});
  names.architecture_key = keys.at("architecture").text();
  names.tokens_key = keys.at("tokens").text();
  names.format_space = node.at("format_space").text();
  names.harmless = harmless(node.at("harmless"));
  Node endings = node.at("endings");
  endings.fields({"weight", "scale"});
  names.weight_ending = endings.at("weight").text();
  names.scale_ending = endings.at("scale").text();
  Node tensors = node.at("tensors");
  tensors.fields(roles);
  for (const std::string& role : roles) names.tensors[role] = tensors.at(role).text();
  return names;
}

}  // namespace ingot::foundry
