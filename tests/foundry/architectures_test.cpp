// Each architecture of this build, from a small file to its blueprint: numbers, tensors, ropes and windows.
#include <cmath>
#include <filesystem>
#include <set>

#include "small_model.h"

namespace ingot {
namespace {

using tests::attention;
using tests::element;
using tests::mlp;
using tests::rope;
using tests::SmallModel;

TEST(Architectures, AreThoseOfTheFolder) {
  std::set<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(INGOT_SOURCE_DIR "/architectures"))
    if (entry.path().extension() == ".json") files.insert(entry.path().stem());
  std::vector<std::string> known = foundry::architectures();
  EXPECT_EQ(std::set<std::string>(known.begin(), known.end()), files);
  EXPECT_GE(files.size(), 3u);
}

TEST(Architectures, Llama) {
  SmallModel m("llama");
  m.set("rope.freq_base", 100000.0f);
  m.metadata["tokenizer.ggml.tokens"] = std::vector<std::string>(SmallModel::vocab, "x");
  foundry::Blueprint b = m.resolve();
  EXPECT_EQ(b.architecture, "llama");
  ASSERT_EQ(b.layers.size(), 2u);
  EXPECT_EQ(b.hidden, 64);
  const foundry::Attention a = attention(b, 1);
  EXPECT_EQ(a.heads, (plan::HeadShape{.heads = 4, .kv_heads = 2, .key_size = 16, .value_size = 16}));
  EXPECT_EQ(b.vocab, 40);
  EXPECT_EQ(b.context, 2048);
  EXPECT_EQ(b.norm_epsilon, 1e-5f);
  EXPECT_EQ(b.embedding_scale, 1);
  EXPECT_EQ(a.scale, 0.25f);
  EXPECT_EQ(a.window, 0);
  ASSERT_TRUE(a.rope);
  EXPECT_EQ(a.rope->pairing, foundry::Pairing::neighbours);
  EXPECT_EQ(a.rope->dims, 16);
  EXPECT_EQ(a.rope->magnitude, 1);
  EXPECT_EQ(a.q.tensor.name, "blk.1.attn_q.weight");
  EXPECT_EQ(a.q.rows, 64);
  EXPECT_EQ(a.q.tensor.cols, 64);
  EXPECT_EQ(a.k.rows, 32);
  EXPECT_EQ(a.v.rows, 32);
  EXPECT_EQ(a.output.rows, 64);
  EXPECT_TRUE(a.q_bias.empty() && a.k_bias.empty() && a.v_bias.empty());
  EXPECT_TRUE(a.q_norm.empty() && a.k_norm.empty());
  const foundry::GatedMlp m1 = mlp(b, 1);
  EXPECT_EQ(m1.activation, foundry::Activation::silu);
  EXPECT_EQ(m1.gate.rows, 96);
  EXPECT_EQ(m1.up.tensor.name, "blk.1.ffn_up.weight");
  EXPECT_EQ(m1.down.rows, 64);
  EXPECT_EQ(m1.down.tensor.cols, 96);
  EXPECT_EQ(b.layers[1].mixer_norm.size(), 64u);
  EXPECT_EQ(b.layers[1].mixer_norm[20], element(20));
  EXPECT_TRUE(b.layers[1].mixer_post_norm.empty() && b.layers[1].feed_forward_post_norm.empty());
  EXPECT_EQ(b.head_norm.size(), 64u);
}

TEST(Architectures, MatricesPointIntoTheFile) {
  SmallModel m("llama");
  container::Gguf file = m.open();
  foundry::Blueprint b = foundry::resolve(file);
  const foundry::Matrix down = mlp(b, 0).down;
  EXPECT_EQ(down.tensor.data, file.find_tensor("blk.0.ffn_down.weight")->data);
  EXPECT_STREQ(down.tensor.format->name, "f32");
  EXPECT_EQ(down.tensor.bytes(), 64u * 96 * 4);
  EXPECT_EQ(down.tensor.scale, 1);
}

TEST(Architectures, HeadIsTiedWhenAbsentAndItsOwnWhenThere) {
  SmallModel m("llama");
  foundry::Blueprint tied = m.resolve();
  EXPECT_EQ(tied.head.tensor.name, "token_embd.weight");
  EXPECT_EQ(tied.head.rows, 40);
  m.add("output.weight", {64, 40});
  foundry::Blueprint own = m.resolve();
  EXPECT_EQ(own.head.tensor.name, "output.weight");
  EXPECT_EQ(own.embedding.tensor.name, "token_embd.weight");
}

TEST(Architectures, LlamaWithBiasesAndHeadsOfTheirOwnSize) {
  SmallModel m("llama", 2, 32);
  m.set("attention.key_length", 32u);
  m.add("blk.1.attn_q.bias", {128});
  foundry::Blueprint b = m.resolve();
  EXPECT_EQ(attention(b, 0).heads.key_size, 32);
  EXPECT_EQ(attention(b, 0).q.rows, 128);
  EXPECT_EQ(attention(b, 0).output.tensor.cols, 128);
  EXPECT_TRUE(attention(b, 0).q_bias.empty());
  EXPECT_EQ(attention(b, 1).q_bias.size(), 128u);
}

TEST(Architectures, DefaultsStandWhereTheFileIsSilent) {
  SmallModel m("llama");
  m.unset("attention.head_count_kv");
  for (const char* name : {"attn_k.weight", "attn_v.weight"})
    for (uint32_t l = 0; l < 2; l++) m.add(SmallModel::in(l, name), {64, 64});
  foundry::Blueprint b = m.resolve();
  EXPECT_EQ(attention(b, 0).heads.kv_heads, 4);
  EXPECT_EQ(attention(b, 0).heads.key_size, 16);
  EXPECT_EQ(rope(b).dims, 16);
  EXPECT_DOUBLE_EQ(rope(b).frequencies[1], std::pow(10000.0, -1 / 8.0));
}

TEST(Architectures, Qwen2) {
  SmallModel m("qwen2");
  m.set("rope.freq_base", 1000000.0f);
  m.add_biases(2);
  foundry::Blueprint b = m.resolve();
  EXPECT_EQ(rope(b).pairing, foundry::Pairing::halves);
  EXPECT_EQ(attention(b, 1).q_bias.size(), 64u);
  EXPECT_EQ(attention(b, 1).k_bias.size(), 32u);
  EXPECT_EQ(attention(b, 1).v_bias[3], element(3));
  EXPECT_EQ(mlp(b, 1).activation, foundry::Activation::silu);
  m.tensors.erase("blk.1.attn_k.bias");
  tests::expect_refused(m, {"blk.1.attn_k.bias is missing", "architectures/qwen2.json (extends llama)"});
}

TEST(Architectures, Gemma3) {
  SmallModel m("gemma3", 13, 32);
  m.add_gemma3(13, 32);
  m.set("rope.freq_base", 1000000.0f);
  // Each norm of a layer in values of its own, so that none can stand in for another.
  m.add("blk.3.attn_q_norm.weight", {32}, std::vector<float>(32, 1));
  m.add("blk.3.attn_k_norm.weight", {32}, std::vector<float>(32, 2));
  m.add("blk.3.post_attention_norm.weight", {64}, std::vector<float>(64, 3));
  m.add("blk.3.ffn_norm.weight", {64}, std::vector<float>(64, 4));
  m.add("blk.3.post_ffw_norm.weight", {64}, std::vector<float>(64, 5));
  foundry::Blueprint b = m.resolve();
  EXPECT_EQ(attention(b, 3).q_norm, std::vector<float>(32, 1));
  EXPECT_EQ(attention(b, 3).k_norm, std::vector<float>(32, 2));
  EXPECT_EQ(b.layers[3].mixer_post_norm, std::vector<float>(64, 3));
  EXPECT_EQ(b.layers[3].feed_forward_norm, std::vector<float>(64, 4));
  EXPECT_EQ(b.layers[3].feed_forward_post_norm, std::vector<float>(64, 5));
  EXPECT_EQ(b.embedding_scale, 8.0f);
  EXPECT_EQ(attention(b, 3).scale, 1 / std::sqrt(32.0f));
  EXPECT_EQ(mlp(b, 3).activation, foundry::Activation::gelu_tanh);
  EXPECT_EQ(attention(b, 3).heads.key_size, 32);
  for (size_t l = 0; l < 13; l++) {
    bool global = l == 5 || l == 11;
    EXPECT_EQ(attention(b, l).window, global ? 0 : 512) << l;
    EXPECT_EQ(rope(b, l).pairing, foundry::Pairing::halves) << l;
    EXPECT_DOUBLE_EQ(rope(b, l).frequencies[8], std::pow(global ? 1e6 : 1e4, -0.5)) << l;
  }
  EXPECT_EQ(b.head.tensor.name, "token_embd.weight");
}

TEST(Architectures, Gemma3GlobalLayersAreScaledLocalOnesAreNot) {
  SmallModel m("gemma3", 6, 32);
  m.add_gemma3(6, 32);
  m.set("rope.scaling.type", "linear");
  m.set("rope.scaling.factor", 8.0f);
  foundry::Blueprint b = m.resolve();
  EXPECT_DOUBLE_EQ(rope(b, 5).frequencies[8], std::pow(1e6, -0.5) / 8);
  EXPECT_DOUBLE_EQ(rope(b, 4).frequencies[8], std::pow(1e4, -0.5));
}

TEST(Architectures, Gemma3WithoutAWindowIsGlobalThroughout) {
  SmallModel m("gemma3", 6, 32);
  m.add_gemma3(6, 32);
  m.set("attention.sliding_window", 0u);
  foundry::Blueprint b = m.resolve();
  for (size_t l = 0; l < 6; l++) {
    EXPECT_EQ(attention(b, l).window, 0) << l;
    EXPECT_DOUBLE_EQ(rope(b, l).frequencies[8], std::pow(1e6, -0.5)) << l;
  }
}

TEST(Architectures, Gemma3PatternOfTheFileWins) {
  SmallModel m("gemma3", 4, 32);
  m.add_gemma3(4, 32);
  m.set("attention.sliding_window_pattern", 2u);
  foundry::Blueprint b = m.resolve();
  for (size_t l = 0; l < 4; l++) EXPECT_EQ(attention(b, l).window, l % 2 ? 0 : 512) << l;
}

TEST(Architectures, Gemma3With62LayersScalesBySizeOfHiddenOverHeads) {
  SmallModel m("gemma3", 62, 32);
  m.add_gemma3(62, 32);
  EXPECT_EQ(attention(m.resolve(), 61).scale, 0.25f);  // 64 / 4 = 16, not the head size 32
}

// The pattern layer by layer, true where a layer sees a window only: as booleans, or as numbers.
TEST(Architectures, Gemma3PatternForEachLayer) {
  auto windows = [](tests::Metadata pattern) {
    SmallModel m("gemma3", 4, 32);
    m.add_gemma3(4, 32);
    m.set("attention.sliding_window_pattern", std::move(pattern));
    std::vector<int> windows;
    foundry::Blueprint b = m.resolve();
    for (size_t l = 0; l < 4; l++) {
      windows.push_back(attention(b, l).window);
      EXPECT_DOUBLE_EQ(rope(b, l).frequencies[8], std::pow(windows[l] ? 1e4 : 1e6, -0.5)) << l;
    }
    return windows;
  };
  const std::vector<int> expected = {512, 0, 0, 512};
  EXPECT_EQ(windows(std::vector<bool>{true, false, false, true}), expected);
  EXPECT_EQ(windows(std::vector<uint32_t>{1, 0, 0, 1}), expected);
  EXPECT_EQ(windows(std::vector<int32_t>{1, 0, 0, 1}), expected);
  EXPECT_EQ(windows(std::vector<bool>(4, true)), std::vector<int>(4, 512));
  EXPECT_EQ(windows(std::vector<uint32_t>(4, 2)), (std::vector<int>{512, 0, 512, 0}));  // one number, spelt out
  tests::expect_refused([&] { windows(std::vector<bool>{true, false}); },
                        {"sliding_window_pattern is a list of 2 values", "one for each layer"});
  tests::expect_refused([&] { windows(std::vector<uint32_t>{1, 0, 2, 1}); }, {"differs from layer to layer"});
  tests::expect_refused([&] { windows(true); }, {"sliding_window_pattern"});
}

TEST(Architectures, EqualNumbersPerLayerAreOneNumber) {
  SmallModel m("llama");
  m.set("attention.head_count", std::vector<int32_t>{4, 4});
  m.set("attention.head_count_kv", std::vector<uint32_t>{2, 2});
  m.set("feed_forward_length", std::vector<int32_t>{96, 96});
  m.set("rope.freq_base", std::vector<float>{5000, 5000});
  foundry::Blueprint b = m.resolve();
  EXPECT_EQ(attention(b, 0).heads.kv_heads, 2);
  EXPECT_EQ(mlp(b, 0).gate.rows, 96);
  EXPECT_DOUBLE_EQ(rope(b).frequencies[4], std::pow(5000.0, -0.5));
}

TEST(Architectures, Qwen3) {
  SmallModel m("qwen3", 2, 32);
  m.set("attention.key_length", 32u);
  m.set("attention.value_length", 32u);
  m.add_qk_norms(2, 32);
  m.add("blk.1.attn_k_norm.weight", {32}, std::vector<float>(32, 2));
  foundry::Blueprint b = m.resolve();
  EXPECT_EQ(attention(b, 1).heads, (plan::HeadShape{.heads = 4, .kv_heads = 2, .key_size = 32, .value_size = 32}));
  EXPECT_EQ(attention(b, 1).q_norm[20], element(20));
  EXPECT_EQ(attention(b, 1).k_norm, std::vector<float>(32, 2));
  EXPECT_EQ(attention(b, 1).scale, 1 / std::sqrt(32.0f));
  EXPECT_EQ(rope(b).pairing, foundry::Pairing::halves);
  EXPECT_EQ(b.head.tensor.name, "token_embd.weight");
  m.add("output.weight", {64, 40});
  EXPECT_EQ(m.resolve().head.tensor.name, "output.weight");
  m.add("blk.0.attn_q.bias", {128});
  tests::expect_refused(m,
                        {"tensor \"blk.0.attn_q.bias\" is not understood", "architectures/qwen3.json (extends llama)"});
  m.tensors.erase("blk.0.attn_q.bias");
  m.tensors.erase("blk.1.attn_q_norm.weight");
  tests::expect_refused(m, {"tensor blk.1.attn_q_norm.weight is missing"});
}

TEST(Architectures, SmolLm3EncodesNoPositionsInEveryFourthLayer) {
  foundry::Blueprint b = SmallModel("smollm3", 9).resolve();
  for (size_t l = 0; l < 9; l++) EXPECT_EQ(attention(b, l).rope.has_value(), l != 3 && l != 7) << l;
  EXPECT_EQ(rope(b).pairing, foundry::Pairing::neighbours);
}

TEST(Architectures, Phi3TakesMatricesFromFusedTensors) {
  SmallModel m("phi3");
  m.fuse_qkv(2);
  m.fuse_gate_up(2);
  m.set("rope.dimension_count", 12u);
  foundry::Blueprint b = m.resolve();
  const foundry::Attention a = attention(b, 1);
  for (const foundry::Matrix& part : {a.q, a.k, a.v}) {
    EXPECT_EQ(part.tensor.name, "blk.1.attn_qkv.weight");
    EXPECT_EQ(part.tensor.rows, 128);
    EXPECT_EQ(part.tensor.cols, 64);
  }
  EXPECT_EQ(a.q.first_row, 0);
  EXPECT_EQ(a.q.rows, 64);
  EXPECT_EQ(a.k.first_row, 64);
  EXPECT_EQ(a.k.rows, 32);
  EXPECT_EQ(a.v.first_row, 96);
  EXPECT_EQ(a.v.rows, 32);
  const foundry::GatedMlp gated = mlp(b, 1);
  EXPECT_EQ(gated.gate.tensor.name, "blk.1.ffn_up.weight");
  EXPECT_EQ(gated.gate.first_row, 0);
  EXPECT_EQ(gated.gate.rows, 96);
  EXPECT_EQ(gated.up.tensor.name, "blk.1.ffn_up.weight");
  EXPECT_EQ(gated.up.first_row, 96);
  EXPECT_EQ(gated.up.rows, 96);
  EXPECT_EQ(a.rope->dims, 12);
  EXPECT_EQ(a.rope->pairing, foundry::Pairing::halves);
  EXPECT_EQ(a.window, 0);
  m.set("attention.sliding_window", 2047u);
  EXPECT_EQ(attention(m.resolve(), 0).window, 2047);

  m.add("rope_factors_long.weight", {6});  // LongRoPE
  tests::expect_refused(m, {"tensor \"rope_factors_long.weight\" is not understood"});
  m.tensors.erase("rope_factors_long.weight");
  m.add("blk.1.attn_qkv.weight", {64, 96});
  tests::expect_refused(m, {"blk.1.attn_qkv.weight is 96x64; expected 128x64; check phi3.attention.head_count, "
                            "phi3.attention.key_length, phi3.attention.head_count_kv, phi3.attention.value_length"});
}

TEST(Architectures, Glm4) {
  SmallModel m("glm4");
  m.fuse_gate_up(2);
  m.add_biases(2);
  m.add_post_norms(2);
  m.set("rope.dimension_count", 8u);
  m.add("blk.1.post_ffw_norm.weight", {64}, std::vector<float>(64, 2));
  foundry::Blueprint b = m.resolve();
  EXPECT_EQ(rope(b).dims, 8);
  EXPECT_EQ(rope(b).pairing, foundry::Pairing::neighbours);
  EXPECT_EQ(attention(b, 1).v_bias.size(), 32u);
  EXPECT_EQ(mlp(b, 1).up.first_row, 96);
  EXPECT_EQ(b.layers[1].mixer_post_norm[20], element(20));
  EXPECT_EQ(b.layers[1].feed_forward_post_norm, std::vector<float>(64, 2));
  m.tensors.erase("blk.0.post_attention_norm.weight");
  tests::expect_refused(m, {"tensor blk.0.post_attention_norm.weight is missing"});
}

TEST(Architectures, SizesAreThoseOfTheFirstLayerThatHasThem) {
  foundry::Blueprint b = SmallModel("llama").resolve();
  std::get<foundry::Attention>(b.layers[1].mixer).heads.heads = 8;
  const foundry::Sizes sizes = foundry::sizes_of(b);
  EXPECT_EQ(sizes.heads, 4);
  EXPECT_EQ(sizes.kv_heads, 2);
  EXPECT_EQ(sizes.head_size, 16);
  EXPECT_EQ(sizes.ffn, 96);
}

// What converters write beside the numbers that a spec names, and other tools as defaults.
TEST(Architectures, KeysThatSayNothingNew) {
  for (const char* architecture : {"llama", "qwen2", "gemma3"}) {
    SmallModel m(architecture, 2, 32);
    m.set("attention.key_length", 32u);
    if (m.architecture == "gemma3") m.add_gemma3(2, 32);
    if (m.architecture == "qwen2")
      for (uint32_t l = 0; l < 2; l++)
        for (const char* name : {"attn_q.bias", "attn_k.bias", "attn_v.bias"})
          m.add(SmallModel::in(l, name), {32u * (name[5] == 'q' ? 4 : 2)});
    std::vector<float> expected = m.resolve().layers[0].mixer_norm;
    m.set("vocab_size", 32000u);
    m.set("tensor_data_layout", "Meta AI original pth");
    m.set("expert_count", 0u);
    m.set("expert_used_count", 0u);
    m.set("attn_logit_softcapping", 0.0f);
    m.set("final_logit_softcapping", 0.0f);
    m.set("logit_scale", 1.0f);
    m.set("pooling_type", 0u);
    m.set("use_parallel_residual", false);
    m.set("attention.causal", true);
    m.set("attention.layer_norm_epsilon", 1e-5f);
    m.set("attention.value_length_swa", 32u);
    m.set("rope.dimension_count", 32u);
    m.set("rope.dimension_sections", std::vector<int32_t>(4, 0));
    m.set("rope.scaling.finetuned", true);
    m.metadata["general.unheard_of"] = 3u;
    m.metadata[m.architecture + "er.block_count"] = 3u;
    EXPECT_EQ(m.resolve().layers[0].mixer_norm, expected) << architecture;
  }
}

TEST(Architectures, ScaleOfAWholeTensorIsRead) {
  SmallModel m("llama");
  m.tensors["blk.0.attn_q.weight"] = {{64, 64}, 40, std::string(64 * 36, '\0')};  // nvfp4: one block of 64 a row
  m.add("blk.0.attn_q.scale", {1}, {0.125f});
  foundry::Blueprint b = m.resolve();
  EXPECT_EQ(attention(b, 0).q.tensor.scale, 0.125f);
  EXPECT_EQ(attention(b, 1).q.tensor.scale, 1);
  m.add("blk.0.attn_k.scale", {1}, {0.125f});  // f32 has no such scale
  tests::expect_refused(m, {"blk.0.attn_k.scale", "f32"});
}

TEST(Architectures, RowsMayHaveAnyLength) {
  SmallModel m("llama");
  m.set("feed_forward_length", 171u);
  for (uint32_t l = 0; l < 2; l++) {
    m.add(SmallModel::in(l, "ffn_gate.weight"), {64, 171});
    m.add(SmallModel::in(l, "ffn_up.weight"), {64, 171});
    m.add(SmallModel::in(l, "ffn_down.weight"), {171, 64});
  }
  EXPECT_EQ(mlp(m.resolve(), 0).down.tensor.cols, 171);
}

TEST(Architectures, TensorsThatChangeNothingAreLeftAlone) {
  SmallModel m("llama");
  m.add("blk.0.attn_rot_embd.weight", {8});  // the frequencies that follow from the base
  m.add("blk.0.attn_q.input_scale", {1});    // of int activations of another kind
  EXPECT_EQ(m.resolve().layers.size(), 2u);
  SmallModel g("gemma3", 2, 32);
  g.add_gemma3(2, 32);
  g.add("v.blk.0.attn_q.weight", {8});  // the part that sees
  g.add("mm.input_projection.weight", {8});
  g.set("vision.block_count", 27u);
  EXPECT_EQ(g.resolve().layers.size(), 2u);
}

TEST(Architectures, AScaleForEachColumnIsNotHarmless) {
  SmallModel m("llama");
  m.add("blk.0.attn_q.input_scale", {64});
  tests::expect_refused(m,
                        {"the elements of tensor \"blk.0.attn_q.input_scale\" are not understood; got 64; expected 1"});
}

}  // namespace
}  // namespace ingot
