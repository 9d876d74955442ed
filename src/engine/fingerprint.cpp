#include "engine/fingerprint.h"

#include <xxhash.h>

#include <algorithm>
#include <memory>
#include <type_traits>

namespace ingot::engine {
namespace {

class Hash {
 public:
  Hash() : state_(XXH3_createState(), XXH3_freeState) { XXH3_64bits_reset(state_.get()); }
  template <class T>
  requires std::is_arithmetic_v<T> || std::is_enum_v<T>
  void add(T value) { XXH3_64bits_update(state_.get(), &value, sizeof value); }
  void add(const void* bytes, uint64_t n) { add(n), XXH3_64bits_update(state_.get(), bytes, n); }
  template <class T> void add(const std::vector<T>& values) { add(values.data(), values.size() * sizeof(T)); }
  void add(std::string_view text) { add(text.data(), text.size()); }
  uint64_t result() const { return XXH3_64bits_digest(state_.get()); }

 private:
  std::unique_ptr<XXH3_state_t, XXH_errorcode (*)(XXH3_state_t*)> state_;
};

// As many samples of a tensor, from its first byte to its last, each as far from the next; all of it where that is not more.
constexpr uint64_t samples = 17, sample_bytes = 64;

void add_bytes(Hash& hash, const container::Tensor& tensor) {
  if (tensor.bytes <= samples * sample_bytes) return hash.add(tensor.data, tensor.bytes);
  const uint64_t last = tensor.bytes - sample_bytes, step = last / (samples - 1), rest = last % (samples - 1);
  for (uint64_t i = 0; i < samples; i++) hash.add(tensor.data + i * step + std::min(i, rest), sample_bytes);
}

void add_file(Hash& hash, const container::Gguf& file) {
  for (const auto& [key, value] : file.metadata()) {
    hash.add(key);
    hash.add(value.element);
    hash.add(value.data, value.bytes);
  }
  for (const container::Tensor& t : file.tensors()) {
    hash.add(std::string_view(t.name));
    hash.add(t.type);
    hash.add(t.shape);
    add_bytes(hash, t);
  }
}

// Every field of a plan and its parts stands in one of these lists, or this does not compile: none can be forgotten.

void add_rope(Hash& hash, const plan::Rope& rope) {
  const auto& [pairing, dims, frequencies, magnitude] = rope;
  hash.add(pairing);
  hash.add(dims);
  hash.add(frequencies);
  hash.add(magnitude);
}

void add_segment(Hash& hash, const plan::Segment& segment) {
  const auto& [matrix, bias, to] = segment;
  const auto& [name, format, rows, cols, data, scale] = matrix;  // but for the scale, the file's tensor has it
  static_cast<void>(name), static_cast<void>(format), static_cast<void>(rows), static_cast<void>(cols), static_cast<void>(data);
  hash.add(to);
  hash.add(bias);
  hash.add(scale);
}

void add_step(Hash& hash, const plan::Step& step) {
  const auto& [kind, layer, from, norm, segments, rope, q_norm, k_norm, window] = step;
  hash.add(kind);
  hash.add(from);
  for (int n : {layer, rope, window}) hash.add(n);
  for (const plan::Vector* v : {&norm, &q_norm, &k_norm}) hash.add(*v);
  for (const plan::Segment& s : segments) add_segment(hash, s);
}

void add_plan(Hash& hash, const plan::Plan& plan) {
  const auto& [architecture, layers, hidden, heads, kv_heads, head_size, ffn, vocab, context, kv_format, max_batch, norm_epsilon,
               attention_scale, embedding_scale, activation, ropes, steps] = plan;
  static_cast<void>(context), static_cast<void>(max_batch);  // how many positions there is room for changes none of them
  static_cast<void>(kv_format);                              // how they are kept, the cache's layout says
  hash.add(std::string_view(architecture));
  for (int n : {layers, hidden, heads, kv_heads, head_size, ffn, vocab}) hash.add(n);
  for (float x : {norm_epsilon, attention_scale, embedding_scale}) hash.add(x);
  hash.add(activation);
  for (const plan::Rope& rope : ropes) add_rope(hash, rope);
  for (const plan::Step& step : steps) add_step(hash, step);
}

}  // namespace

uint64_t fingerprint(const container::Gguf& file, const plan::Plan& plan) {
  Hash hash;
  add_file(hash, file);
  add_plan(hash, plan);
  return hash.result();
}

}  // namespace ingot::engine
