// From the JSON of `blocks` and `layers` to what spec.h keeps of them: one function per kind of block.
#include <algorithm>
#include <set>
#include <utility>

#include "foundry/node.h"

namespace ingot::foundry {
namespace {

Presence presence(const Node& node) {
  return node.choice<Presence>(
      {{"none", Presence::none}, {"required", Presence::required}, {"if_present", Presence::if_present}});
}

bool fused(const Node& node) { return node.choice<bool>({{"separate", false}, {"fused", true}}); }

ScalingSpec scaling(const Node& node, Spec& spec) {
  node.fields(
      {"kind", "factor", "original_context", "magnitude", "yarn_magnitude", "extrapolation", "beta_fast", "beta_slow"});
  Node kind = node.at("kind");
  kind.fields({"key", "default"});
  ScalingSpec s;
  s.kind_key = kind.at("key").text();
  spec.keys.insert(s.kind_key);
  s.default_kind = kind.at("default").choice<std::string>({{"none", "none"}, {"linear", "linear"}, {"yarn", "yarn"}});
  s.factor = node.at("factor").expression();
  s.original_context = node.at("original_context").expression();
  s.magnitude = node.at("magnitude").expression();
  s.yarn_magnitude = node.at("yarn_magnitude").expression();
  s.extrapolation = node.at("extrapolation").expression();
  s.beta_fast = node.at("beta_fast").expression();
  s.beta_slow = node.at("beta_slow").expression();
  return s;
}

/// Nothing where the text is "none".
std::optional<RopeSpec> rope(const Node& node, Spec& spec) {
  if (node.is_text()) return node.choice<std::optional<RopeSpec>>({{"none", std::nullopt}});
  node.fields({"pairing", "dims", "base", "factors", "scaling"});
  RopeSpec r;
  r.pairing = node.at("pairing").choice<plan::Rope::Pairing>(
      {{"neighbours", plan::Rope::Pairing::neighbours}, {"halves", plan::Rope::Pairing::halves}});
  r.dims = node.at("dims").expression();
  r.base = node.at("base").expression();
  r.factors = presence(node.at("factors"));
  Node how = node.at("scaling");
  if (how.is_object())
    r.scaling = scaling(how, spec);
  else
    how.choice<int>({{"none", 0}});
  return r;
}

AttentionSpec attention(const Node& node, Spec& spec) {
  node.fields({"kind", "heads", "kv_heads", "key_size", "value_size", "qkv", "qkv_bias", "qk_norm",
               "query_pre_attn_scalar", "window", "rope", "post_norm"});
  AttentionSpec a;
  a.heads = node.at("heads").expression();
  a.kv_heads = node.at("kv_heads").expression();
  a.key_size = node.at("key_size").expression();
  a.value_size = node.at("value_size").expression();
  a.fused_qkv = fused(node.at("qkv"));
  const Node bias = node.at("qkv_bias");
  a.qkv_bias = presence(bias);
  if (a.fused_qkv && a.qkv_bias != Presence::none) bias.refuse("\"none\" where qkv is fused");
  a.qk_norm = node.at("qk_norm").flag();
  a.query_pre_attn_scalar = node.at("query_pre_attn_scalar").expression();
  a.window = node.at("window").expression();
  a.rope = rope(node.at("rope"), spec);
  return a;
}

GatedMlpSpec gated_mlp(const Node& node) {
  node.fields({"kind", "ffn", "gate_up", "activation", "post_norm"});
  GatedMlpSpec m;
  m.ffn = node.at("ffn").expression();
  m.fused_gate_up = fused(node.at("gate_up"));
  m.activation =
      node.at("activation")
          .choice<plan::Activation>({{"silu", plan::Activation::silu}, {"gelu_tanh", plan::Activation::gelu_tanh}});
  return m;
}

void block(const Node& node, const std::string& name, Spec& spec) {
  enum class Kind { attention, gated_mlp };
  const Kind kind = node.at("kind").choice<Kind>({{"attention", Kind::attention}, {"gated_mlp", Kind::gated_mlp}});
  const bool post_norm = node.at("post_norm").flag();
  switch (kind) {
    case Kind::attention: spec.mixers[name] = {attention(node, spec), post_norm}; break;
    case Kind::gated_mlp: spec.feed_forwards[name] = {gated_mlp(node), post_norm}; break;
  }
}

/// Block `name` laid over the one that it extends, field by field. `chain`: names from the leaf up.
json extended(const Node& blocks, const std::string& name, std::vector<std::string>& chain) {
  const Node own = blocks.at(name);
  const std::optional<Node> parent = own.find("extends");
  if (!parent) return own.value();
  chain.push_back(name);
  const std::string base = parent->text();
  std::vector<std::string> known;
  for (const auto& [other, ignored] : blocks.items())
    if (std::find(chain.begin(), chain.end(), other) == chain.end()) known.push_back(other);
  if (std::find(known.begin(), known.end(), base) == known.end()) parent->refuse("another block: " + listed(known));
  json merged = extended(blocks, base, chain), patch = own.value();
  patch.erase("extends");
  merged.merge_patch(patch);
  return merged;
}

/// What an entry says of its layers.
LayerRule rule(const Node& node) {
  node.fields({"block", "first", "every", "all_but_every", "when"});
  LayerRule r;
  auto which = [&](LayerRule::Which which) {
    if (r.which != LayerRule::Which::all) node.refuse("one condition");
    r.which = which;
  };
  if (auto n = node.find("first")) which(LayerRule::Which::first), r.n = n->expression();
  if (auto n = node.find("every")) which(LayerRule::Which::every), r.n = n->expression();
  if (auto n = node.find("all_but_every")) which(LayerRule::Which::all_but_every), r.n = n->expression();
  if (auto when = node.find("when")) which(LayerRule::Which::when), r.when = when->condition();
  return r;
}

/// The rules of `node`, which name blocks of `blocks`. The last one takes all layers that are left, and no other does.
template <class Blocks>
std::vector<LayerRule> rules(const Node& node, const Blocks& blocks, std::set<std::string>& used) {
  auto block_name = [&](const Node& text) {
    std::vector<std::string> known;
    for (const auto& [name, ignored] : blocks) known.push_back(name);
    const std::string name = text.text();
    if (!blocks.contains(name)) text.refuse(listed(known));
    used.insert(name);
    return name;
  };
  std::vector<LayerRule> all;
  if (node.is_text()) {
    all.push_back({.block = block_name(node), .which = LayerRule::Which::all, .n = {}, .when = {}});
    return all;
  }
  const std::vector<Node> entries = node.list();
  for (const Node& entry : entries) {
    all.push_back(rule(entry));
    all.back().block = block_name(entry.at("block"));
    const bool last = all.size() == entries.size(), takes_all = all.back().which == LayerRule::Which::all;
    if (last && !takes_all) entry.refuse("no condition in the last entry");
    if (!last && takes_all) entry.refuse("a condition in every entry but the last");
  }
  if (all.empty()) node.refuse("a block or a list of entries");
  return all;
}

}  // namespace

void read_blocks(const Node& spec, Spec& into) {
  const Node blocks = spec.at("blocks");
  json whole = json::object();
  for (const auto& [name, ignored] : blocks.items()) {
    std::vector<std::string> chain;
    whole[name] = extended(blocks, name, chain);
  }
  for (const auto& [name, one] : blocks.with(whole).items()) block(one, name, into);

  const Node layers = spec.at("layers");
  layers.fields({"mixer", "feed_forward"});
  std::set<std::string> used;
  into.mixer_rules = rules(layers.at("mixer"), into.mixers, used);
  into.feed_forward_rules = rules(layers.at("feed_forward"), into.feed_forwards, used);
  for (const auto& [name, one] : blocks.items())
    if (!used.contains(name)) one.refuse("a block that layers name");
}

}  // namespace ingot::foundry
