// Files that are no model of what they say: each is refused with a message that names the key or tensor.
#include <cmath>

#include "small_model.h"

namespace ingot {
namespace {

using tests::expect_refused;
using tests::Metadata;
using tests::SmallModel;

void refused(const std::string& key, Metadata value, const std::vector<std::string>& parts) {
  SmallModel m("llama");
  m.set(key, std::move(value));
  std::vector<std::string> all = parts;
  all.push_back("llama." + key);
  expect_refused(m, all);
}

TEST(Refused, UnknownArchitecture) {
  SmallModel m("mamba");
  expect_refused(m, {"[foundry]", "\"mamba\"", "gemma3, ", "llama, ", "qwen2"});
  m.metadata["general.architecture"] = std::string("a\x1b[31m") + std::string(100, 'b');
  expect_refused(m, {"\"a?[31m", "b…\""});
}

TEST(Refused, NumbersOutOfRange) {
  refused("block_count", 0u, {"got 0", "1 to 1024"});
  refused("block_count", 1025u, {"got 1025"});
  refused("block_count", -1, {"-1"});
  refused("block_count", 2.0f, {"not an integer"});
  refused("context_length", 0u, {"got 0"});
  refused("context_length", 0x80000000u, {"got 2147483648"});
  refused("embedding_length", 0u, {"got 0"});
  refused("feed_forward_length", 0u, {"got 0"});
  refused("attention.head_count", 0u, {"got 0"});
  refused("attention.head_count_kv", 0u, {"got 0"});
  refused("attention.key_length", 0u, {"got 0"});
  refused("attention.key_length", 1u << 20, {"got 1048576"});
  refused("attention.key_length", 15u, {"even"});
  refused("attention.value_length", 8u, {"expected 16, the size of a key"});
  refused("attention.layer_norm_rms_epsilon", 0.0f, {"got 0"});
  refused("attention.layer_norm_rms_epsilon", 1e-30f, {"1e-20 to 0.1"});
  refused("attention.layer_norm_rms_epsilon", 1.0f, {"1e-20 to 0.1"});
}

TEST(Refused, NumbersOfTheWrongKind) {
  for (const char* key : {"block_count", "attention.head_count", "attention.layer_norm_rms_epsilon", "rope.freq_base"})
    EXPECT_THROW(
        {
          SmallModel m("llama");
          m.set(key, "text");
          m.resolve();
        },
        Error)
        << key;
  for (float bad : {NAN, INFINITY}) {
    SmallModel m("llama");
    m.set("attention.layer_norm_rms_epsilon", bad);
    EXPECT_THROW(m.resolve(), Error);
  }
}

TEST(Refused, HeadsThatDoNotDivide) {
  refused("attention.head_count_kv", 3u, {"llama.attention.head_count;", "got 4", "a multiple of"});
  refused("attention.head_count", 6u, {"llama.embedding_length", "got 64", "a multiple of", "(6)"});
}

TEST(Refused, MissingNumber) {
  SmallModel m("llama");
  m.unset("attention.head_count");
  expect_refused(m, {"llama.attention.head_count is missing", "heads"});
}

TEST(Refused, NumbersPerLayer) {
  refused("attention.head_count_kv", std::vector<uint32_t>{2, 1}, {"differs from layer to layer", "2 and 1"});
  refused("attention.head_count_kv", std::vector<uint32_t>{2}, {"list of 1", "one for each layer"});
  refused("feed_forward_length", std::vector<uint32_t>{96, 96, 96}, {"list of 3"});
  refused("feed_forward_length", std::vector<bool>{true, true}, {"list of bool", "one number"});
  refused("rope.freq_base", std::vector<float>{10000, 20000}, {"differs from layer to layer", "10000 and 20000"});
  refused("rope.freq_base", std::vector<float>{NAN, NAN}, {"differs from layer to layer"});
  refused("attention.head_count", std::vector<std::string>{"4", "4"}, {"list of string"});
  refused("block_count", std::vector<uint32_t>{2, 2}, {"one number"});
}

TEST(Refused, KindsOfModelThatTheSpecDoesNotDescribe) {
  refused("expert_count", 8u, {"got 8", "none or 0"});
  refused("final_logit_softcapping", 30.0f, {"got 30", "none or 0"});
  refused("logit_scale", 2.0f, {"got 2", "none or 0 or 1"});
  refused("attention.causal", false, {"got false", "none or 1"});
  refused("attention.key_length_swa", 32u, {"got 32", "none or 16"});
  refused("rope.dimension_sections", std::vector<int32_t>{8, 0, 0, 0}, {"got 8, 0, 0, 0"});
  refused("attention.clamp_kqv", "x", {"got \"x\""});
}

TEST(Refused, KeysThatNothingReads) {
  refused("attention.foo", 3u, {"is not understood", "got 3", "architectures/llama.json"});
  refused("attention.foo", std::vector<uint32_t>(20, 7), {"is not understood", "7, 7, … (20 values)"});
  refused("rope.scaling.attn_factors", 0.0f, {"is not understood"});
  refused("rope.freq_base_swa", 10000.0f, {"is not understood"});  // no layer of a llama sees a window only
}

TEST(Refused, MissingTensor) {
  for (const char* name : {"token_embd.weight", "output_norm.weight", "blk.1.attn_v.weight", "blk.0.ffn_norm.weight",
                           "blk.1.ffn_down.weight"}) {
    SmallModel m("llama");
    m.tensors.erase(name);
    expect_refused(m, {std::string("tensor ") + name + " is missing", "architectures/llama.json"});
  }
  SmallModel g("gemma3", 2, 32);
  g.add_gemma3(2, 32);
  g.tensors.erase("blk.1.post_ffw_norm.weight");
  expect_refused(g, {"blk.1.post_ffw_norm.weight is missing"});
}

TEST(Refused, WrongShape) {
  auto shaped = [](const char* name, std::vector<uint64_t> shape, const std::vector<std::string>& parts) {
    SmallModel m("llama");
    m.add(name, std::move(shape));
    expect_refused(m, parts);
  };
  shaped("blk.0.attn_q.weight", {64, 32},
         {"[foundry] blk.0.attn_q.weight is 32x64; expected 64x64; check llama.attention.head_count, "
          "llama.attention.key_length"});
  shaped("blk.1.ffn_down.weight", {64, 96},
         {"blk.1.ffn_down.weight is 96x64; expected 64x96; check llama.embedding_length, llama.feed_forward_length"});
  shaped("blk.0.attn_k.weight", {64}, {"blk.0.attn_k.weight is 64; expected 32x64"});
  shaped("blk.0.attn_k.weight", {64, 32, 2}, {"is 32x64x2"});
  shaped("blk.0.attn_norm.weight", {63}, {"blk.0.attn_norm.weight is 63; expected 64; check llama.embedding_length"});
  shaped("blk.0.attn_norm.weight", {64, 2}, {"is 2x64; expected 64"});
  shaped("token_embd.weight", {32, 40}, {"token_embd.weight is 40x32; expected rowsx64; check llama.embedding_length"});
  shaped("output.weight", {64, 41}, {"output.weight is 41x64; expected 40x64"});
}

TEST(Refused, VocabularyThatDisagreesWithTheTokens) {
  SmallModel m("llama");
  m.metadata["tokenizer.ggml.tokens"] = std::vector<std::string>(39, "x");
  expect_refused(m, {"token_embd.weight has 40 rows", "39", "tokenizer.ggml.tokens"});
}

TEST(Refused, VectorsThatAreNotFinite) {
  for (float bad : {NAN, -INFINITY}) {
    SmallModel m("qwen2");
    m.add_biases(2);
    std::vector<float> values(32, 1.0f);
    values[7] = bad;
    m.add("blk.1.attn_k.bias", {32}, values);
    expect_refused(m, {"blk.1.attn_k.bias element 7", "a finite number"});
  }
}

TEST(Refused, TensorsThatNothingReads) {
  for (const char* name :
       {"blk.1.attn_output.bias", "blk.0.attn_q_norm.weight", "blk.2.attn_norm.weight", "blk.0.ffn_gate_inp.weight",
        "output.bias", "blk.0.something.weight", "v.blk.0.attn_q.weight"}) {
    SmallModel m("llama");
    m.add(name, {64});
    expect_refused(m, {std::string("tensor \"") + name + "\" is not understood",
                       "tensors of architectures/llama.json with 2 layers"});
  }
  SmallModel g("gemma3", 2, 32);
  g.add_gemma3(2, 32);
  g.add("blk.0.attn_q.bias", {128});
  expect_refused(g, {"tensor \"blk.0.attn_q.bias\" is not understood"});
  g.tensors.erase("blk.0.attn_q.bias");
  g.add("rope_freqs.weight", {16});
  expect_refused(g, {"tensor \"rope_freqs.weight\" is not understood"});
}

}  // namespace
}  // namespace ingot
