// The blueprint: what a spec says of blocks and layers, with the numbers and tensors of a file. One function per kind
// of block.
#include "foundry/resolve.h"

#include <fmt/core.h>

#include <cmath>

#include "ingot/error.h"

namespace ingot::foundry {
namespace {

// Bounds that keep every product of two numbers of a model far inside 64 bits. Real models stay well below.
constexpr int64_t max_hidden = 1 << 20, max_ffn = 1 << 24, max_heads = 1 << 16, max_head_size = 1024;

Presence present(bool is) { return is ? Presence::required : Presence::none; }

class Resolver {
 public:
  Resolver(Numbers& numbers, const Names& names) : numbers_(numbers), spec_(numbers.spec()), binder_(numbers, names) {}

  Blueprint run() {
    b_.architecture = spec_.name;
    const int layers = numbers_.layers();
    b_.context = narrow<int>(numbers_.integer("context", 1, INT32_MAX));
    hidden_ = size({0, "hidden", ""}, max_hidden);
    b_.hidden = narrow<int>(hidden_.size);
    b_.norm_epsilon = static_cast<float>(numbers_.real(spec_.epsilon, 1e-20, 0.1));
    embedding();
    const std::vector<std::string> mixers = blocks_of(spec_.mixer_rules, layers);
    const std::vector<std::string> feed_forwards = blocks_of(spec_.feed_forward_rules, layers);
    for (int l = 0; l < layers; l++)
      b_.layers.push_back(layer(l, spec_.mixers.at(mixers[l]), spec_.feed_forwards.at(feed_forwards[l])));
    head();
    account_for_tensors(numbers_, binder_.names(), binder_.used());
    return std::move(b_);
  }

 private:
  void embedding() {
    b_.embedding = binder_.matrix("embedding", -1, {}, hidden_);
    b_.vocab = narrow<int>(b_.embedding.rows);
    if (spec_.scale_embedding) b_.embedding_scale = std::sqrt(static_cast<float>(b_.hidden));
    const std::string& key = binder_.names().tokens_key;
    const container::Value* tokens = numbers_.file().find(key);
    if (tokens && tokens->count != static_cast<uint64_t>(b_.vocab))
      throw Error("foundry", fmt::format("{} has {} rows", b_.embedding.tensor.name, b_.vocab), "",
                  fmt::format("{}, one per token", tokens->count), "check " + key);
  }

  void head() {
    b_.head_norm = binder_.vector("head_norm", -1, hidden_, Presence::required);
    const bool own =
        spec_.head == Presence::required || (spec_.head == Presence::if_present && binder_.has("head", -1));
    b_.head = own ? binder_.matrix("head", -1, {b_.vocab, {}}, hidden_) : b_.embedding;
  }

  /// The block of each layer.
  std::vector<std::string> blocks_of(const std::vector<LayerRule>& rules, int layers) {
    std::vector<std::string> blocks(static_cast<size_t>(layers));
    for (const LayerRule& rule : rules) {
      const std::vector<bool> taken = numbers_.layers_of(rule);
      for (size_t l = 0; l < blocks.size(); l++)
        if (taken[l] && blocks[l].empty()) blocks[l] = rule.block;
    }
    return blocks;
  }

  Layer layer(int l, const MixerSpec& mixer, const FeedForwardSpec& feed_forward) {
    Layer layer;
    layer.mixer_norm = binder_.vector("mixer_norm", l, hidden_, Presence::required);
    layer.mixer = std::visit([&](const auto& kind) -> Mixer { return block(kind, l); }, mixer.kind);
    layer.mixer_post_norm = binder_.vector("mixer_post_norm", l, hidden_, present(mixer.post_norm));
    layer.feed_forward_norm = binder_.vector("feed_forward_norm", l, hidden_, Presence::required);
    layer.feed_forward = std::visit([&](const auto& kind) -> FeedForward { return block(kind, l); }, feed_forward.kind);
    layer.feed_forward_post_norm =
        binder_.vector("feed_forward_post_norm", l, hidden_, present(feed_forward.post_norm));
    return layer;
  }

  Attention block(const AttentionSpec& spec, int l) {
    const Extent heads = size(spec.heads, max_heads), kv_heads = size(spec.kv_heads, max_heads);
    if (heads.size % kv_heads.size != 0)
      throw Error("foundry", numbers_.name_of(spec.heads), std::to_string(heads.size),
                  fmt::format("a multiple of {} ({})", numbers_.name_of(spec.kv_heads), kv_heads.size));
    const Extent key = size(spec.key_size, max_head_size), value = size(spec.value_size, max_head_size);
    if (key.size % 2 != 0)
      throw Error("foundry", numbers_.name_of(spec.key_size), std::to_string(key.size), "an even number");
    if (value.size != key.size)
      throw Error("foundry", numbers_.name_of(spec.value_size), std::to_string(value.size),
                  fmt::format("{}, the size of a key", key.size),
                  "heads whose keys and values differ in size are not supported");

    Attention a;
    a.heads = {.heads = narrow<int>(heads.size),
               .kv_heads = narrow<int>(kv_heads.size),
               .key_size = narrow<int>(key.size),
               .value_size = narrow<int>(value.size)};
    a.scale = 1 / std::sqrt(static_cast<float>(numbers_.integer(spec.query_pre_attn_scalar, 1, max_hidden)));
    a.window = narrow<int>(numbers_.integer(spec.window, 0, INT32_MAX));
    if (spec.rope) a.rope = rope(*spec.rope, a.heads.key_size);

    const Extent q_rows = heads * key, k_rows = kv_heads * key, v_rows = kv_heads * value;
    if (spec.fused_qkv) {
      const std::vector<Matrix> qkv = binder_.stacked("qkv", l, {q_rows, k_rows, v_rows}, hidden_);
      a.q = qkv[0], a.k = qkv[1], a.v = qkv[2];
    } else {
      a.q = binder_.matrix("q", l, q_rows, hidden_);
      a.k = binder_.matrix("k", l, k_rows, hidden_);
      a.v = binder_.matrix("v", l, v_rows, hidden_);
    }
    a.q_bias = binder_.vector("q_bias", l, q_rows, spec.qkv_bias);
    a.k_bias = binder_.vector("k_bias", l, k_rows, spec.qkv_bias);
    a.v_bias = binder_.vector("v_bias", l, v_rows, spec.qkv_bias);
    a.q_norm = binder_.vector("q_norm", l, key, present(spec.qk_norm));
    a.k_norm = binder_.vector("k_norm", l, key, present(spec.qk_norm));
    a.output = binder_.matrix("output", l, hidden_, heads * value);
    return a;
  }

  GatedMlp block(const GatedMlpSpec& spec, int l) {
    const Extent ffn = size(spec.ffn, max_ffn);
    GatedMlp m;
    m.activation = spec.activation;
    if (spec.fused_gate_up) {
      const std::vector<Matrix> gate_up = binder_.stacked("gate_up", l, {ffn, ffn}, hidden_);
      m.gate = gate_up[0], m.up = gate_up[1];
    } else {
      m.gate = binder_.matrix("gate", l, ffn, hidden_);
      m.up = binder_.matrix("up", l, ffn, hidden_);
    }
    m.down = binder_.matrix("down", l, hidden_, ffn);
    return m;
  }

  Rope rope(const RopeSpec& spec, int head_size) {
    const int dims = narrow<int>(numbers_.integer(spec.dims, 2, max_head_size));
    if (dims % 2 != 0 || dims > head_size)
      throw Error("foundry", numbers_.name_of(spec.dims), std::to_string(dims),
                  fmt::format("an even number, at most the head size {}", head_size));
    const Vector factors = binder_.vector("rope_factors", -1, {dims / 2, {spec.dims}}, spec.factors);
    for (float f : factors)
      if (!(f > 0))
        throw Error("foundry", binder_.names().tensor("rope_factors", -1), number_text(f),
                    "numbers above 0: they divide frequencies");
    return make_rope(spec, numbers_, dims, factors);
  }

  Extent size(const Expression& e, int64_t max) { return {numbers_.integer(e, 1, max), {e}}; }

  Numbers& numbers_;
  const Spec& spec_;
  Binder binder_;
  Blueprint b_;
  Extent hidden_;
};

}  // namespace

Blueprint resolve(const container::Gguf& file, const Spec& spec, const Names& names) {
  Numbers numbers(file, spec);
  account_for_keys(numbers, names);
  return Resolver(numbers, names).run();
}

Sizes sizes_of(const Blueprint& blueprint) {
  Sizes sizes;
  for (const Layer& layer : blueprint.layers) {
    const auto* attention = std::get_if<Attention>(&layer.mixer);
    const auto* mlp = std::get_if<GatedMlp>(&layer.feed_forward);
    if (attention && !sizes.heads)
      sizes = {attention->heads.heads, attention->heads.kv_heads, attention->heads.key_size, sizes.ffn};
    if (mlp && !sizes.ffn) sizes.ffn = mlp->gate.rows;
  }
  return sizes;
}

Blueprint resolve(const container::Gguf& file) {
  const Names names = read_names("gguf", name_texts());
  std::string_view architecture = file.string_at(names.architecture_key);
  std::string known;
  for (const std::string& one : architectures()) {
    if (architecture == one) return resolve(file, read_spec(one, spec_texts()), names);
    known += (known.empty() ? "" : ", ") + one;
  }
  throw Error("foundry", names.architecture_key, in_quotes(architecture), "one of " + known,
              "an architecture is one file in architectures/");
}

std::vector<std::string> architectures() {
  std::vector<std::string> all;
  for (const SpecText& spec : spec_texts()) all.emplace_back(spec.name);
  return all;
}

}  // namespace ingot::foundry
