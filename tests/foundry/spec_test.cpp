// The texts in architectures/ and what is refused in a spec: each error names file and field.
#include "foundry/spec.h"

#include <nlohmann/json.hpp>

#include "foundry/resolve.h"
#include "small_model.h"

namespace ingot {
namespace {

using nlohmann::json;
using tests::expect_refused;

json llama() {
  for (const foundry::SpecText& spec : foundry::spec_texts())
    if (std::string(spec.name) == "llama") return json::parse(spec.text);
  return {};
}

/// Reads `text` as architectures/mine.json next to those of the build.
foundry::Spec read(const std::string& text) {
  std::vector<foundry::SpecText> texts(foundry::spec_texts().begin(), foundry::spec_texts().end());
  texts.push_back({"mine", text.c_str()});
  return foundry::read_spec("mine", texts);
}

void refused(const std::string& text, const std::vector<std::string>& parts) {
  expect_refused([&] { read(text); }, parts);
}
/// llama with one change, an RFC 6901 path set to `value`, is refused.
void refused_with(const std::string& path, const json& value, const std::vector<std::string>& parts) {
  json spec = llama();
  spec[json::json_pointer(path)] = value;
  std::vector<std::string> all = parts;
  all.push_back("architectures/mine.json: ");
  refused(spec.dump(), all);
}
void refused_without(const std::string& object, const std::string& field, const std::string& text) {
  json spec = llama();
  spec[json::json_pointer(object)].erase(field);
  refused(spec.dump(), {"architectures/mine.json: " + text});
}

TEST(Spec, EveryTextOfTheBuildReads) {
  for (const foundry::SpecText& spec : foundry::spec_texts())
    EXPECT_EQ(foundry::read_spec(spec.name, foundry::spec_texts()).name, spec.name);
  for (const foundry::SpecText& names : foundry::name_texts())
    EXPECT_NO_THROW(foundry::read_names(names.name, foundry::name_texts()));
}

TEST(Spec, ExtendsLaysOneOverTheOther) {
  foundry::Spec spec = read(R"({"about": "mine", "extends": "qwen2", "blocks": {"mlp": {"activation": "gelu_tanh"}},
                  "parameters": {"rope_base": {"default": 7}}})");
  EXPECT_EQ(spec.source, "architectures/mine.json (extends qwen2, llama)");
  const auto& attention = std::get<foundry::AttentionSpec>(spec.mixers.at("attention").kind);
  const auto& mlp = std::get<foundry::GatedMlpSpec>(spec.feed_forwards.at("mlp").kind);
  EXPECT_EQ(attention.qkv_bias, foundry::Presence::required);            // qwen2
  EXPECT_EQ(attention.rope->pairing, plan::Rope::Pairing::halves);       // qwen2
  EXPECT_EQ(mlp.activation, plan::Activation::gelu_tanh);                // mine
  EXPECT_EQ(spec.parameters.at("rope_base").fallback->constant, 7);      // mine
  EXPECT_EQ(spec.parameters.at("rope_base").keys[0], "rope.freq_base");  // llama
  EXPECT_FALSE(attention.qk_norm);
}

TEST(Spec, ExpressionsAreNumbersNamesOrQuotients) {
  json spec = llama();
  spec["parameters"]["rope_base"]["default"] = "hidden / heads";
  foundry::Spec read_spec = read(spec.dump());
  EXPECT_EQ(read_spec.parameters.at("rope_base").fallback->text(), "hidden / heads");
  EXPECT_EQ(read_spec.parameters.at("kv_heads").fallback->text(), "heads");
  EXPECT_EQ(std::get<foundry::AttentionSpec>(read_spec.mixers.at("attention").kind).window.text(), "0.0");
}

TEST(Spec, UnknownFields) {
  refused_with("/kernel", "fast", {"kernel is not a field of a spec", "embedding"});
  refused_with("/blocks/attention/biass", "none", {"blocks.attention.biass is not a field", "qkv_bias, qk_norm"});
  refused_with("/parameters/hidden/keys", "x", {"parameters.hidden.keys is not a field"});
  refused_with("/blocks/attention/rope/scaling/alpha", 1, {"blocks.attention.rope.scaling.alpha is not a field"});
  refused_with("/blocks/local", {{"extends", "attention"}, {"rope", {{"bass", 1}}}},
               {"blocks.local.rope.bass is not a field"});
}

TEST(Spec, MissingFields) {
  refused_without("", "blocks", "blocks is missing");
  refused_without("/blocks/attention", "kind", "blocks.attention.kind is missing");
  refused_without("/blocks/attention", "qkv_bias", "blocks.attention.qkv_bias is missing");
  refused_without("/blocks/attention/rope/scaling", "kind", "blocks.attention.rope.scaling.kind is missing");
  refused_without("/parameters", "layers", "parameters.layers is missing");
}

TEST(Spec, WrongTypes) {
  refused("[1]", {"architectures/mine.json: the file", "got [1]", "an object"});
  refused_with("/blocks/attention", 3, {"blocks.attention;", "got 3", "an object"});
  refused_with("/blocks/attention/qk_norm", "yes", {"blocks.attention.qk_norm", "got \"yes\"", "true or false"});
  refused_with("/blocks/attention/qkv_bias", true,
               {"blocks.attention.qkv_bias", "\"none\", \"required\" or \"if_present\""});
  refused_with("/blocks/attention/window", nullptr, {"blocks.attention.window", "got null", "a number, a parameter"});
  refused_with("/blocks/attention/window", "a / b / c", {"blocks.attention.window", "a / b / c"});
  refused_with("/blocks/attention/rope/pairing", "thirds",
               {"blocks.attention.rope.pairing", "\"thirds\"", "\"neighbours\" or \"halves\""});
  refused_with("/blocks/attention/rope/scaling", "yarn", {"blocks.attention.rope.scaling", "\"none\""});
  refused_with("/blocks/attention/rope", "neither", {"blocks.attention.rope", "got \"neither\"", "\"none\""});
  refused_with("/blocks/attention/qkv", "both", {"blocks.attention.qkv", "\"separate\" or \"fused\""});
  refused_with("/blocks/attention/qkv", "fused", {"blocks.attention.qkv_bias", "\"none\" where qkv is fused"});
  refused_with("/blocks/mlp/activation", "relu", {"blocks.mlp.activation", "\"silu\" or \"gelu_tanh\""});
  refused_with("/blocks/mlp/kind", "mlp", {"blocks.mlp.kind", "\"attention\" or \"gated_mlp\""});
  refused_with("/norm/kind", "layer", {"norm.kind", "\"rms\""});
  refused_with("/embedding/scale", 2, {"embedding.scale", "sqrt_hidden"});
  refused_with("/head/tied", "maybe", {"head.tied"});
  refused_with("/parameters/hidden/key", 7, {"parameters.hidden.key", "a string or a list of strings"});
  refused_with("/parameters/hidden", json::object(), {"parameters.hidden", "\"key\", \"default\" or both"});
  refused_with("/parameters/hidden/when", {{"value", 3}}, {"parameters.hidden.when", "one parameter"});
  refused_with("/harmless", {{"tensors", {{"a", {{"b", 1}}}}}}, {"harmless.tensors.a", "a number, a parameter"});
  refused_with("/harmless", {{"keys", {{"a", {{"b", 1}}}}}}, {"harmless.keys.a", "a number, a parameter"});
  refused_with("/harmless", {{"key", json::object()}}, {"harmless.key is not a field", "keys or tensors"});
}

TEST(Spec, BrokenJson) { refused("{\"about\": ", {"architectures/mine.json is not JSON", "line 1"}); }

TEST(Spec, UnknownParameter) {
  refused_with("/blocks/attention/window", "windows",
               {"blocks.attention.window refers to \"windows\"", "a name in parameters"});
  refused_with("/parameters/head_size/default", "hidden / head", {"parameters.head_size.default refers to \"head\""});
  refused_with("/harmless", {{"keys", {{"a", "heeds"}}}}, {"harmless.keys.a refers to \"heeds\""});
}

// A block may extend another one of the same spec, which a relative may have changed.
TEST(Spec, BlocksExtendBlocks) {
  foundry::Spec spec = read(R"({"about": "mine", "extends": "qwen2", "blocks": {
    "global": {"extends": "local", "window": 0, "rope": "none"}, "local": {"extends": "attention", "window": 64}},
    "layers": {"mixer": [{"block": "attention", "first": 1}, {"block": "global", "every": 4}, {"block": "local"}]}})");
  const auto& global = std::get<foundry::AttentionSpec>(spec.mixers.at("global").kind);
  const auto& local = std::get<foundry::AttentionSpec>(spec.mixers.at("local").kind);
  EXPECT_EQ(global.qkv_bias, foundry::Presence::required);
  EXPECT_EQ(global.window.constant, 0);
  EXPECT_FALSE(global.rope);
  EXPECT_EQ(local.window.constant, 64);
  EXPECT_EQ(local.rope->pairing, plan::Rope::Pairing::halves);

  refused_with("/blocks/mlp/extends", "mlp", {"blocks.mlp.extends", "got \"mlp\"", "another block: attention"});
  refused_with("/blocks/mlp/extends", "mpl", {"blocks.mlp.extends", "got \"mpl\"", "another block: attention"});
  json circle = llama();
  circle["blocks"]["attention"]["extends"] = "mlp";
  circle["blocks"]["mlp"]["extends"] = "attention";
  refused(circle.dump(), {"extends", "another block"});
}

TEST(Spec, LayersThatNoRuleOrTwoRulesHave) {
  auto refused_rules = [](const json& rules, const std::vector<std::string>& parts) {
    json spec = llama();
    spec["blocks"]["local"] = {{"extends", "attention"}, {"window", 64}};
    spec["layers"]["mixer"] = rules;
    refused(spec.dump(), parts);
  };
  const json all = {{"block", "attention"}}, local = {{"block", "local"}, {"every", 2}};
  refused_rules({local}, {"layers.mixer", "no condition in the last entry"});
  refused_rules({all, local}, {"layers.mixer", "a condition in every entry but the last"});
  refused_rules(json::array(), {"layers.mixer", "a block or a list of entries"});
  refused_rules(all, {"blocks.local", "a block that layers name"});
  refused_rules({local, {{"block", "mlp"}}}, {"layers.mixer.block", "got \"mlp\"", "attention or local"});
  refused_rules({{{"block", "local"}, {"every", 2}, {"first", 1}}, all}, {"layers.mixer", "one condition"});
  refused_rules({{{"block", "local"}, {"evry", 2}}, all}, {"layers.mixer.evry is not a field"});
  refused_rules({{{"block", "local"}, {"every", "n"}}, all}, {"layers.mixer.every refers to \"n\""});
  refused_rules({{{"block", "local"}, {"when", {{"n", 1}}}}, all}, {"layers.mixer.when refers to \"n\""});
  refused_rules({{{"block", "local"}, {"when", {{"heads", 1}, {"hidden", 1}}}}, all},
                {"layers.mixer.when", "one parameter and a number"});
  refused_with("/layers/feed_forward", "attention", {"layers.feed_forward", "got \"attention\"", "mlp"});
}

// Layers of the local block (window 64), for each condition.
TEST(Spec, RulesOfLayers) {
  auto locals = [](json rule, std::optional<tests::Metadata> pattern = {}) {
    json changed = llama();
    if (rule.dump().find("pattern") != std::string::npos)
      changed["parameters"]["pattern"] = {{"key", "pattern"}, {"default", 3}};
    changed["blocks"]["local"] = {{"extends", "attention"}, {"window", 64}};
    rule["block"] = "local";
    changed["layers"]["mixer"] = {rule, {{"block", "attention"}}};
    foundry::Spec spec = read(changed.dump());
    spec.name = "llama";
    tests::SmallModel m("llama", 7);
    if (pattern) m.set("pattern", *pattern);
    foundry::Blueprint b = foundry::resolve(m.open(), spec, foundry::read_names("gguf", foundry::name_texts()));
    std::string all;
    for (size_t l = 0; l < 7; l++) all += tests::attention(b, l).window == 64 ? 'x' : '-';
    return all;
  };
  EXPECT_EQ(locals({{"first", 2}}), "xx-----");
  EXPECT_EQ(locals({{"first", 0}}), "-------");
  EXPECT_EQ(locals({{"first", 9}}), "xxxxxxx");
  EXPECT_EQ(locals({{"every", 3}}), "--x--x-");
  EXPECT_EQ(locals({{"every", 0}}), "-------");
  EXPECT_EQ(locals({{"every", 1}}), "xxxxxxx");
  EXPECT_EQ(locals({{"all_but_every", 3}}), "xx-xx-x");
  EXPECT_EQ(locals({{"all_but_every", 0}}), "xxxxxxx");
  EXPECT_EQ(locals({{"all_but_every", "pattern"}}), "xx-xx-x");
  EXPECT_EQ(locals({{"every", "pattern"}}, 2u), "-x-x-x-");
  EXPECT_EQ(locals({{"first", "pattern"}}), "xxx----");
  EXPECT_EQ(locals({{"when", {{"pattern", 3}}}}), "xxxxxxx");
  EXPECT_EQ(locals({{"when", {{"pattern", 4}}}}), "-------");
  const std::vector<bool> listed = {true, false, false, true, true, false, true};
  EXPECT_EQ(locals({{"every", "pattern"}}, listed), "x--xx-x");
  EXPECT_EQ(locals({{"all_but_every", "pattern"}}, listed), "x--xx-x");
  EXPECT_EQ(locals({{"first", "pattern"}}, listed), "x--xx-x");
  expect_refused([&] { locals({{"every", "pattern"}}, std::vector<uint32_t>{1, 0, 2, 1, 0, 0, 0}); },
                 {"differs from layer to layer"});
  expect_refused([&] { locals({{"every", -1}}); }, {"got -1"});
}

TEST(Spec, UnusedParameter) {  // what a file's key says would be read and lost
  refused_with("/parameters/softcap", {{"key", "final_logit_softcapping"}, {"default", 0}},
               {"parameters.softcap is not used"});
}

TEST(Spec, HarmlessKeysOfASpecComeFirst) {
  json spec = llama();
  spec["harmless"] = {{"keys", {{"expert_count", {0, 1}}, {"mine.*", "*"}, {"mine.other", true}}},
                      {"tensors", {{"mine.*.weight", {3, 5}}}}};
  foundry::Spec changed = read(spec.dump());
  changed.name = "llama";
  auto resolved = [&](const tests::SmallModel& m) {
    return foundry::resolve(m.open(), changed, foundry::read_names("gguf", foundry::name_texts()));
  };
  tests::SmallModel m("llama");
  m.set("expert_count", 1u);
  m.set("mine.one", "any");
  m.set("mine.other", true);
  m.add("mine.blk.0.weight", {5});
  EXPECT_EQ(resolved(m).layers.size(), 2u);
  m.add("mine.blk.0.weight", {4});
  expect_refused([&] { resolved(m); }, {"the elements of tensor \"mine.blk.0.weight\"", "4; expected 3 or 5"});
  m.add("mine.blk.0.weight", {3});
  m.set("mine.other", false);
  expect_refused([&] { resolved(m); }, {"llama.mine.other", "got false"});
  m.unset("mine.other");
  m.add("mine.weights", {5});
  expect_refused([&] { resolved(m); }, {"\"mine.weights\" is not understood"});
}

// The list that holds for every architecture speaks of head_size, which not every one has.
TEST(Spec, HarmlessValuesMayBeParametersOfOthers) {
  json spec = llama();
  spec["parameters"]["size"] = spec["parameters"]["head_size"];
  spec["parameters"].erase("head_size");
  std::string text = spec.dump();
  for (size_t at; (at = text.find("\"head_size\"")) != std::string::npos;) text.replace(at, 11, "\"size\"");
  foundry::Spec changed = read(text);
  changed.name = "llama";
  tests::SmallModel m("llama");
  auto resolved = [&] {
    return foundry::resolve(m.open(), changed, foundry::read_names("gguf", foundry::name_texts()));
  };
  EXPECT_EQ(resolved().layers.size(), 2u);
  m.set("attention.key_length_swa", 16u);
  expect_refused(resolved, {"llama.attention.key_length_swa", "got 16", "expected none"});
}

TEST(Spec, ParametersInACircle) {
  refused_with("/parameters/hidden/default", "head_size", {"is defined by itself"});
  refused_with("/parameters/ffn/default", "ffn", {"parameters.ffn is defined by itself"});
}

TEST(Spec, ExtendsInACircle) {
  std::vector<foundry::SpecText> texts = {{"a", R"({"extends": "b"})"},
                                          {"b", R"({"extends": "c"})"},
                                          {"c", R"({"extends": "a"})"},
                                          {"self", R"({"extends": "self"})"}};
  expect_refused([&] { foundry::read_spec("a", texts); },
                 {"architectures/a.json: extends runs in a circle", "a → b → c → a"});
  expect_refused([&] { foundry::read_spec("self", texts); }, {"self → self"});
}

TEST(Spec, ExtendsSomethingUnknown) {
  refused(R"({"extends": "lama"})", {"architectures/mine.json: extends", "\"lama\"", "gemma3", "llama"});
}

TEST(Spec, QuotientByAZeroOfTheFile) {
  tests::SmallModel m("llama");
  m.set("rope.dimension_count", 0u);
  json changed = llama();
  changed["parameters"]["head_size"]["default"] = "hidden / rope_dims";
  changed["parameters"]["rope_dims"]["default"] = 4;
  foundry::Spec spec = read(changed.dump());
  spec.name = "llama";
  container::Gguf file = m.open();
  expect_refused([&] { foundry::resolve(file, spec, foundry::read_names("gguf", foundry::name_texts())); },
                 {"llama.rope.dimension_count; got 0; expected more than 0"});
}

TEST(Spec, HeadsThatAreNeverOrAlwaysTied) {
  tests::SmallModel m("llama");
  m.add("output.weight", {64, 40});
  container::Gguf both = m.open();
  m.tensors.erase("output.weight");
  container::Gguf one = m.open();
  auto resolved = [](const container::Gguf& file, const char* tied) {
    json json_spec = llama();
    json_spec["head"]["tied"] = tied;
    foundry::Spec spec = read(json_spec.dump());
    spec.name = "llama";
    return foundry::resolve(file, spec, foundry::read_names("gguf", foundry::name_texts()));
  };
  EXPECT_EQ(resolved(one, "always").head.tensor.name, "token_embd.weight");
  expect_refused([&] { resolved(both, "always"); }, {"tensor \"output.weight\" is not understood"});
  EXPECT_EQ(resolved(both, "never").head.tensor.name, "output.weight");
  expect_refused([&] { resolved(one, "never"); }, {"tensor output.weight is missing"});
}

TEST(Names, ErrorsNameFileAndField) {
  json names = json::parse(foundry::name_texts()[0].text);
  auto refused_names = [](const json& changed, const std::vector<std::string>& parts) {
    std::string text = changed.dump();
    std::vector<foundry::SpecText> texts = {{"mine", text.c_str()}};
    expect_refused([&] { foundry::read_names("mine", texts); }, parts);
  };
  json missing = names, unknown = names, wrong = names;
  missing["tensors"].erase("q");
  refused_names(missing, {"architectures/names/mine.json: tensors.q is missing"});
  unknown["tensors"]["qq"] = "x";
  refused_names(unknown, {"tensors.qq is not a field"});
  wrong["tensors"]["q"] = 5;
  refused_names(wrong, {"tensors.q", "got 5", "a string"});
  EXPECT_EQ(foundry::read_names("gguf", foundry::name_texts()).tensor("q", 17), "blk.17.attn_q.weight");
}

}  // namespace
}  // namespace ingot
