// Recipes: which tensors a rule's names and conditions mean, which rule decides, and what is refused.
#include <gtest/gtest.h>

#include "ingot/error.h"
#include "quantize/recipe.h"

namespace ingot::quantize {
namespace {

std::string format_of(const Recipe& r, std::string_view name, const ModelFacts& m = {},
                      std::vector<uint64_t> shape = {256, 256}) {
  return r.format_of({name, shape}, m).value_or("kept");
}
std::string error_of(std::string_view text) {
  try {
    Recipe(text, "test");
  } catch (const Error& e) { return e.what(); }
  return "";
}

TEST(Recipe, TheLastRuleThatFitsDecides) {
  const Recipe r(
      "* = q4_k\nffn_down* = q6_k  # a comment, with a comma\nattn_v|attn_k=q5_k, blk.3.attn_v.weight = q8_0", "test");
  EXPECT_EQ(format_of(r, "blk.0.ffn_up.weight"), "q4_k");
  EXPECT_EQ(format_of(r, "blk.0.ffn_down.weight"), "q6_k");
  EXPECT_EQ(format_of(r, "blk.0.ffn_down_exps.weight"), "q6_k");
  EXPECT_EQ(format_of(r, "blk.12.attn_k.weight"), "q5_k");
  EXPECT_EQ(format_of(r, "blk.3.attn_v.weight"), "q8_0");
  EXPECT_EQ(format_of(r, "blk.13.attn_v.weight"), "q5_k");
  EXPECT_EQ(format_of(r, "blk.0.ffn_up.bias"), "kept");
  EXPECT_EQ(format_of(r, "blk.0.ffn_up.weight", {}, {256}), "kept");
}

TEST(Recipe, HeadIsTheEmbeddingWhereThatIsBoth) {
  const Recipe r("* = q4_0, head = q8_0", "test");
  EXPECT_EQ(format_of(r, "token_embd.weight"), "q8_0");
  ModelFacts m;
  m.has_output = true;
  EXPECT_EQ(format_of(r, "token_embd.weight", m), "q4_0");
  EXPECT_EQ(format_of(r, "output.weight", m), "q8_0");
}

TEST(Recipe, ConditionsAskTheModelTheLayerAndTheShape) {
  ModelFacts m;
  m.blocks = 32, m.heads_per_kv_head = 4, m.experts = 8;
  auto holds = [&](const std::string& condition, int layer, std::vector<uint64_t> shape = {256, 256}) {
    return format_of(Recipe("* [" + condition + "] = q8_0", "test"), "blk." + std::to_string(layer) + ".x.weight", m,
                     shape) == "q8_0";
  };
  EXPECT_TRUE(holds("first=8", 3) && !holds("first=8", 4));
  EXPECT_TRUE(holds("middle", 4) && !holds("middle", 3) && !holds("middle", 28));
  for (int layer : {0, 3, 6, 9, 28, 31}) EXPECT_TRUE(holds("more_bits", layer)) << layer;
  for (int layer : {4, 5, 7, 26}) EXPECT_FALSE(holds("more_bits", layer)) << layer;
  EXPECT_TRUE(holds("layer<2", 1) && !holds("layer<2", 2));
  EXPECT_TRUE(holds("blocks=32", 0) && !holds("blocks=80", 0));
  EXPECT_TRUE(holds("gqa>=4", 0) && !holds("gqa>=5", 0));
  EXPECT_TRUE(holds("experts=8 experts>=4", 0) && !holds("experts=8 experts>=9", 0));
  EXPECT_TRUE(holds("cols%256", 0, {576, 8}) && !holds("cols%256", 0, {512, 8}));
  EXPECT_TRUE(holds("stacked", 0, {256, 256, 8}) && !holds("stacked", 0));
  EXPECT_TRUE(holds("no_importance", 0) && !holds("importance", 0));
}

TEST(Recipe, KeepsAndFallsBack) {
  Recipe r("keep *_norm.weight\n* = q4_k\nfallback q4_k q5_0\nfallback * f16", "test");
  EXPECT_EQ(format_of(r, "blk.0.ffn_norm.weight"), "kept");
  EXPECT_EQ(r.fallback_of("q4_k"), "q5_0");
  EXPECT_EQ(r.fallback_of("q5_0"), "f16");
  EXPECT_EQ(r.fallback_of("f16"), "");
  r.append(Recipe("fallback q4_k q8_0", "test"));
  EXPECT_EQ(r.fallback_of("q4_k"), "q8_0");
}

TEST(Recipe, RefusesWhatItCannotRead) {
  EXPECT_EQ(error_of("* = q4_k\nffn_down = q4_7"),
            "[quantize] test, line 2: an unknown format; got q4_7; expected a name that `ingot formats` lists");
  EXPECT_NE(error_of("ffn_down").find("not a rule"), std::string::npos);
  EXPECT_NE(error_of("= q4_k").find("a rule without a name"), std::string::npos);
  EXPECT_NE(error_of("x [sometimes] = q4_k").find("an unknown condition; got sometimes"), std::string::npos);
  EXPECT_NE(error_of("x [first=0] = q4_k").find("an unknown condition"), std::string::npos);
  EXPECT_NE(error_of("file_type many").find("file_type is not a number"), std::string::npos);
}

TEST(Recipe, EveryRecipeThatComesAlongCanBeRead) {
  EXPECT_GE(recipe_texts().size(), 35u);
  for (const RecipeText& t : recipe_texts()) {
    EXPECT_TRUE(Recipe::named(t.name)) << t.name;
    EXPECT_EQ(std::string_view(t.text).substr(0, 2), "# ") << t.name << " begins with a line about itself";
  }
  EXPECT_TRUE(Recipe::named("Q4_K_M"));
  EXPECT_FALSE(Recipe::named("q4_k_xl"));
}

}  // namespace
}  // namespace ingot::quantize
