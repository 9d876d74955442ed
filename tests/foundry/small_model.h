// A small model of any architecture as a GGUF file: metadata and f32 tensors that a test changes before it is written.
// Element i of a tensor is a small number that follows from i alone.
#pragma once
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <map>
#include <optional>
#include <string>
#include <type_traits>
#include <variant>
#include <vector>

#include "container/gguf.h"
#include "foundry/blueprint.h"
#include "ingot/error.h"
#include "support/gguf_builder.h"

namespace ingot::tests {

using Metadata =
    std::variant<bool, uint32_t, int32_t, float, double, std::string, std::vector<bool>, std::vector<uint32_t>,
                 std::vector<int32_t>, std::vector<float>, std::vector<std::string>>;

struct SmallTensor {
  std::vector<uint64_t> shape;  // fastest-running dimension first
  uint32_t type = 0;            // f32
  std::string bytes;
};

inline float element(size_t i) { return 0.5f + static_cast<float>(i % 17) / 64; }

struct SmallModel {
  std::string architecture;
  std::map<std::string, Metadata> metadata;
  std::map<std::string, SmallTensor> tensors;

  static constexpr uint32_t hidden = 64, heads = 4, kv_heads = 2, head_size = 16, ffn = 96, vocab = 40;

  /// Tensors and numbers that every architecture has; what is particular to one, the test adds.
  explicit SmallModel(const std::string& arch, uint32_t layers = 2, uint32_t head = head_size) : architecture(arch) {
    metadata["general.architecture"] = arch;
    set("block_count", layers);
    set("context_length", 2048u);
    set("embedding_length", hidden);
    set("feed_forward_length", ffn);
    set("attention.head_count", heads);
    set("attention.head_count_kv", kv_heads);
    set("attention.layer_norm_rms_epsilon", 1e-5f);
    add("token_embd.weight", {hidden, vocab});
    add("output_norm.weight", {hidden});
    for (uint32_t l = 0; l < layers; l++) {
      add(in(l, "attn_norm.weight"), {hidden});
      add(in(l, "attn_q.weight"), {hidden, heads * head});
      add(in(l, "attn_k.weight"), {hidden, kv_heads * head});
      add(in(l, "attn_v.weight"), {hidden, kv_heads * head});
      add(in(l, "attn_output.weight"), {heads * head, hidden});
      add(in(l, "ffn_norm.weight"), {hidden});
      add(in(l, "ffn_gate.weight"), {hidden, ffn});
      add(in(l, "ffn_up.weight"), {hidden, ffn});
      add(in(l, "ffn_down.weight"), {ffn, hidden});
    }
  }

  static std::string in(uint32_t layer, const std::string& name) { return "blk." + std::to_string(layer) + "." + name; }
  void set(const std::string& suffix, Metadata value) { metadata[architecture + "." + suffix] = std::move(value); }
  void unset(const std::string& suffix) { metadata.erase(architecture + "." + suffix); }
  void add(const std::string& name, std::vector<uint64_t> shape) {
    uint64_t n = 1;
    for (uint64_t d : shape) n *= d;
    std::vector<float> values(n);
    for (size_t i = 0; i < n; i++) values[i] = element(i);
    add(name, std::move(shape), values);
  }
  void add(const std::string& name, std::vector<uint64_t> shape, const std::vector<float>& values) {
    tensors[name] = {std::move(shape), 0, test::bytes_of(values)};
  }
  /// What every model of the architecture "gemma3" has beyond the common tensors; heads of `head` elements.
  void add_gemma3(uint32_t layers, uint32_t head) {
    set("attention.key_length", head);
    set("attention.value_length", head);
    set("attention.sliding_window", 512u);
    add_qk_norms(layers, head);
    add_post_norms(layers);
  }
  /// Norms of queries and keys, per head of `head` elements.
  void add_qk_norms(uint32_t layers, uint32_t head = head_size) {
    for (uint32_t l = 0; l < layers; l++) {
      add(in(l, "attn_q_norm.weight"), {head});
      add(in(l, "attn_k_norm.weight"), {head});
    }
  }
  /// Norms behind both blocks of a layer.
  void add_post_norms(uint32_t layers) {
    for (uint32_t l = 0; l < layers; l++) {
      add(in(l, "post_attention_norm.weight"), {hidden});
      add(in(l, "post_ffw_norm.weight"), {hidden});
    }
  }
  /// Makes q, k and v one tensor.
  void fuse_qkv(uint32_t layers) {
    for (uint32_t l = 0; l < layers; l++) {
      for (const char* name : {"attn_q.weight", "attn_k.weight", "attn_v.weight"}) tensors.erase(in(l, name));
      add(in(l, "attn_qkv.weight"), {hidden, (heads + 2 * kv_heads) * head_size});
    }
  }
  /// Makes gate and up one tensor, called as up is.
  void fuse_gate_up(uint32_t layers) {
    for (uint32_t l = 0; l < layers; l++) {
      tensors.erase(in(l, "ffn_gate.weight"));
      add(in(l, "ffn_up.weight"), {hidden, 2 * ffn});
    }
  }
  void add_biases(uint32_t layers) {
    for (uint32_t l = 0; l < layers; l++) {
      add(in(l, "attn_q.bias"), {heads * head_size});
      add(in(l, "attn_k.bias"), {kv_heads * head_size});
      add(in(l, "attn_v.bias"), {kv_heads * head_size});
    }
  }

  /// A vocabulary of bytes, so that the file can be loaded as a whole.
  void add_tokens() {
    std::vector<std::string> tokens;
    for (uint32_t i = 0; i < vocab; i++) tokens.push_back(std::string(1, static_cast<char>('A' + i)));
    metadata["tokenizer.ggml.model"] = std::string("gpt2");
    metadata["tokenizer.ggml.tokens"] = tokens;
    metadata["tokenizer.ggml.merges"] = std::vector<std::string>{};
  }

  void write(const std::string& path) const {
    test::GgufBuilder file;
    for (const auto& entry : metadata)
      std::visit(
          [&]<class T>(const T& value) {
            if constexpr (requires { value.size(); } && !std::is_same_v<T, std::string>)
              file.array(entry.first, value);
            else
              file.kv(entry.first, value);
          },
          entry.second);
    for (const auto& [name, tensor] : tensors) file.tensor(name, tensor.shape, tensor.type, tensor.bytes);
    file.write(path);
  }
  /// Writes the file and opens it. The file is unlinked at once; the mapping stays.
  container::Gguf open() const {
    std::string path = testing::TempDir() + "ingot_foundry_XXXXXX";
    int made = mkstemp(path.data());
    EXPECT_GE(made, 0) << path;
    close(made);
    write(path);
    struct Unlink {
      std::string path;
      ~Unlink() { unlink(path.c_str()); }
    } unlink_after{path};
    return container::Gguf::open(path, geometry);
  }
  /// The blueprint; its matrices' data are gone.
  foundry::Blueprint resolve() const { return foundry::resolve(open()); }

  static std::optional<container::Geometry> geometry(uint32_t type) {
    const quant::Format* f = quant::find_format("ggml", type);
    if (!f) return std::nullopt;
    return container::Geometry{static_cast<uint64_t>(f->block), static_cast<uint64_t>(f->block_bytes), f->name};
  }
};

/// Parts of a layer of today's kinds, by value: the blueprint may be a temporary.
inline foundry::Attention attention(const foundry::Blueprint& b, size_t layer) {
  return std::get<foundry::Attention>(b.layers.at(layer).mixer);
}
inline foundry::GatedMlp mlp(const foundry::Blueprint& b, size_t layer) {
  return std::get<foundry::GatedMlp>(b.layers.at(layer).feed_forward);
}
/// The rope of a layer, which it must have.
inline foundry::Rope rope(const foundry::Blueprint& b, size_t layer = 0) { return attention(b, layer).rope.value(); }

/// `f` throws an Error whose text has each of `parts`.
template <class F> void expect_refused(F f, const std::vector<std::string>& parts) {
  try {
    f();
    ADD_FAILURE() << "nothing was refused; expected an error with: " << parts.front();
  } catch (const Error& e) {
    for (const std::string& part : parts)
      EXPECT_NE(std::string(e.what()).find(part), std::string::npos) << e.what() << "\n  lacks: " << part;
  }
}
inline void expect_refused(const SmallModel& model, const std::vector<std::string>& parts) {
  expect_refused([&] { model.resolve(); }, parts);
}

}  // namespace ingot::tests
