// A llama of two layers as a file that the command could run: 259 tokens, matrices of one format. What a test wants
// otherwise, it changes before it writes.
#pragma once
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <random>
#include <string>
#include <vector>

#include "quant/format.h"
#include "support/gguf_builder.h"
#include "support/random_weights.h"

namespace ingot::tests {

struct TinyModel {
  test::GgufBuilder file;
  std::string path = testing::TempDir() + "ingot_tiny_XXXXXX";

  explicit TinyModel(const char* format_name = "q8_0", uint32_t seed = 1, uint32_t context = 128, uint32_t head = 16,
                     uint32_t hidden = 64, uint32_t ffn = 96) {
    constexpr uint32_t heads = 4, kv_heads = 2, layers = 2, vocab = 259;
    file.kv("general.architecture", "llama").kv("llama.block_count", layers).kv("llama.context_length", context);
    file.kv("llama.attention.key_length", head).kv("llama.attention.value_length", head);
    file.kv("llama.embedding_length", hidden).kv("llama.feed_forward_length", ffn);
    file.kv("llama.attention.head_count", heads).kv("llama.attention.head_count_kv", kv_heads);
    file.kv("llama.attention.layer_norm_rms_epsilon", 1e-5f).kv("tokenizer.ggml.model", "llama");
    std::vector<std::string> tokens = {"<unk>", "<s>", "</s>"};
    std::vector<int32_t> types = {2, 3, 3};
    for (int b = 0; b < 256; b++) {
      char name[8];
      std::snprintf(name, sizeof name, "<0x%02X>", b);
      tokens.push_back(name), types.push_back(6);
    }
    file.array("tokenizer.ggml.tokens", tokens)
        .array("tokenizer.ggml.token_type", types)
        .array("tokenizer.ggml.scores", std::vector<float>(vocab, 0.0f));
    std::mt19937 random(seed);
    const quant::Format& format = *quant::find_format(format_name);
    auto matrix = [&](const std::string& name, uint32_t rows, uint32_t cols) {
      std::normal_distribution<float> normal(0, 1 / std::sqrt(float(cols)));
      std::vector<float> values(rows * cols);
      for (float& x : values) x = normal(random);
      const std::vector<std::byte> of_values = test::encoded(format, values, random);
      const std::string bytes(reinterpret_cast<const char*>(of_values.data()), of_values.size());
      file.tensor(name, {cols, rows}, format.id, bytes);
    };
    auto ones = [&](const std::string& name) {
      file.tensor(name, {hidden}, 0, test::bytes_of(std::vector<float>(hidden, 1.0f)));
    };
    matrix("token_embd.weight", vocab, hidden);
    for (uint32_t l = 0; l < layers; l++) {
      std::string in = "blk." + std::to_string(l) + ".";
      ones(in + "attn_norm.weight"), ones(in + "ffn_norm.weight");
      matrix(in + "attn_q.weight", heads * head, hidden), matrix(in + "attn_k.weight", kv_heads * head, hidden);
      matrix(in + "attn_v.weight", kv_heads * head, hidden), matrix(in + "attn_output.weight", hidden, heads * head);
      matrix(in + "ffn_gate.weight", ffn, hidden), matrix(in + "ffn_up.weight", ffn, hidden),
          matrix(in + "ffn_down.weight", hidden, ffn);
    }
    ones("output_norm.weight");
    int made = mkstemp(path.data());
    EXPECT_GE(made, 0) << path;
    close(made);
  }
  ~TinyModel() { unlink(path.c_str()); }
  const std::string& write() const {
    file.write(path);
    return path;
  }
};

}  // namespace ingot::tests
