// From JSON to Spec and Names. With node.h and block_spec.cpp the only place that knows JSON.
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
  } catch (const json::parse_error& e) {
    throw Error("foundry", source + " is not JSON", e.what(), "", "mend the file");
  }
}

/// The spec's JSON laid over that of the one it extends, field by field. `chain`: names from the leaf up.
json merged(std::string_view name, std::span<const SpecText> texts, std::vector<std::string>& chain) {
  std::string source = "architectures/" + std::string(name) + ".json";
  if (std::find(chain.begin(), chain.end(), name) != chain.end()) {
    std::string way;
    for (const std::string& one : chain) way += one + " → ";
    throw Error("foundry", "architectures/" + chain.front() + ".json: extends runs in a circle",
                way + std::string(name));
  }
  std::string what = chain.empty() ? "architecture" : "architectures/" + chain.back() + ".json: extends";
  const SpecText& text = find_text(name, texts, what);
  chain.emplace_back(name);
  json own = parse(text, source);
  std::vector<Use> uses;
  const Node node(own, "", source, uses);
  const std::optional<Node> parent = node.find("extends");
  if (!parent) return own;
  const std::string parent_name = parent->text();
  own.erase("extends");
  json base = merged(parent_name, texts, chain);
  base.merge_patch(own);
  return base;
}

Parameter parameter(const Node& node) {
  node.fields({"key", "default", "when"});
  Parameter p;
  if (auto key = node.find("key")) p.keys = key->texts();
  if (auto fallback = node.find("default")) p.fallback = fallback->expression();
  if (auto when = node.find("when")) {
    p.then = when->at("value").expression();
    p.when = when->condition("value");
  }
  if (p.keys.empty() && !p.fallback) node.refuse("\"key\", \"default\" or both");
  return p;
}

Harmless harmless(const Node& node) {
  node.fields({"keys", "tensors"});
  Harmless h;
  if (auto keys = node.find("keys"))
    for (const auto& [name, value] : keys->items()) {
      Harmless::Key key{name, {}};
      if (!value.is_any())
        for (const Node& one : value.list())
          key.values.push_back(one.is_flag() ? Expression{double(one.flag()), "", ""} : one.expression());
      h.keys.push_back(std::move(key));
    }
  if (auto tensors = node.find("tensors"))
    for (const auto& [pattern, value] : tensors->items()) {
      Harmless::Tensors t{pattern, {}};
      if (!value.is_any())
        for (const Node& one : value.list()) t.elements.push_back(one.expression());
      h.tensors.push_back(std::move(t));
    }
  return h;
}

/// Parameters that foundry reads by name, whatever the architecture.
const std::vector<std::string> required_parameters = {"layers", "context", "hidden"};

/// Every name that `uses` has is a parameter, every parameter is used, and none is defined by itself.
void check_parameters(const Spec& spec, const std::vector<Use>& uses) {
  auto refuse = [&](const std::string& what, const std::string& expected = "") {
    throw Error("foundry", spec.source + ": " + what, "", expected);
  };
  std::set<std::string> used(required_parameters.begin(), required_parameters.end());
  for (const std::string& name : required_parameters)
    if (!spec.parameters.contains(name)) refuse("parameters." + name + " is missing");
  for (const Use& use : uses) {
    if (!spec.parameters.contains(use.parameter))
      refuse(use.path + " refers to \"" + use.parameter + "\"", "a name in parameters");
    used.insert(use.parameter);
  }
  for (const auto& [name, p] : spec.parameters)  // what a key says would be lost
    if (!used.contains(name)) refuse("parameters." + name + " is not used");

  std::set<std::string> done, open;
  std::function<void(const std::string&)> visit = [&](const std::string& name) {
    if (name.empty() || done.contains(name)) return;
    if (!open.insert(name).second) refuse("parameters." + name + " is defined by itself");
    const Parameter& p = spec.parameters.at(name);
    const Expression fallback = p.fallback.value_or(Expression{});
    for (const std::string& next :
         {fallback.name, fallback.divisor, p.when ? p.when->parameter : "", p.then.name, p.then.divisor})
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
  for (size_t i = 1; i < chain.size(); i++)
    spec.source += (i == 1 ? " (extends " : ", ") + chain[i] + (i + 1 == chain.size() ? ")" : "");

  std::vector<Use> uses;
  Node node(all, "", spec.source, uses);
  node.fields({"about", "extends", "parameters", "harmless", "norm", "embedding", "blocks", "layers", "head"});
  node.at("about").text();
  for (const auto& [parameter_name, one] : node.at("parameters").items()) {
    const Parameter& read = spec.parameters.emplace(parameter_name, parameter(one)).first->second;
    spec.keys.insert(read.keys.begin(), read.keys.end());
  }
  if (auto more = node.find("harmless")) spec.harmless = harmless(*more);

  Node norm = node.at("norm");
  norm.fields({"kind", "epsilon"});
  norm.at("kind").choice<int>({{"rms", 0}});
  spec.epsilon = norm.at("epsilon").expression();

  Node embedding = node.at("embedding");
  embedding.fields({"scale"});
  spec.scale_embedding = embedding.at("scale").choice<bool>({{"none", false}, {"sqrt_hidden", true}});

  read_blocks(node, spec);

  Node head = node.at("head");
  head.fields({"tied"});
  spec.head = head.at("tied").choice<Presence>(
      {{"always", Presence::none}, {"never", Presence::required}, {"if_absent", Presence::if_present}});

  check_parameters(spec, uses);
  return spec;
}

Names read_names(std::string_view name, std::span<const SpecText> texts) {
  // clang-format off
  static const std::vector<std::string> roles = {
      "embedding", "rope_factors", "head_norm", "head",
      "mixer_norm", "mixer_post_norm", "feed_forward_norm", "feed_forward_post_norm",
      "q", "k", "v", "qkv", "q_bias", "k_bias", "v_bias", "q_norm", "k_norm", "output",
      "gate", "up", "gate_up", "down"};
  // clang-format on
  std::string source = "architectures/names/" + std::string(name) + ".json";
  const json all = parse(find_text(name, texts, "tensor names"), source);
  std::vector<Use> uses;
  Node node(all, "", source, uses);
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
