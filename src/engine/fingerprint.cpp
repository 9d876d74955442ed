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

void add_file(Hash& hash, const container::Gguf& file) {
  constexpr uint64_t sample_bytes = 64;
  for (const auto& [key, value] : file.metadata()) {
    hash.add(key);
    hash.add(value.element);
    hash.add(value.data, value.bytes);
  }
  for (const container::Tensor& t : file.tensors()) {
    hash.add(std::string_view(t.name));
    hash.add(t.type);
    hash.add(t.shape);
    hash.add(t.data + (t.bytes - std::min(t.bytes, sample_bytes)) / 2, std::min(t.bytes, sample_bytes));
  }
}

void add_plan(Hash& hash, const backend::Plan& plan) {
  hash.add(std::string_view(plan.architecture));
  for (int n : {plan.layers, plan.hidden, plan.heads, plan.kv_heads, plan.head_size, plan.ffn, plan.vocab}) hash.add(n);
  for (float x : {plan.norm_epsilon, plan.attention_scale, plan.embedding_scale}) hash.add(x);
  hash.add(plan.activation);
  for (const backend::Rope& rope : plan.ropes) {
    hash.add(rope.pairing);
    hash.add(rope.dims);
    hash.add(rope.frequencies);
    hash.add(rope.magnitude);
  }
  for (const backend::Step& step : plan.steps) {
    for (int n : {static_cast<int>(step.kind), step.layer, step.rope, step.window, static_cast<int>(step.from)}) hash.add(n);
    for (const backend::Vector* v : {&step.norm, &step.q_norm, &step.k_norm}) hash.add(*v);
    for (const backend::Segment& s : step.segments) {
      hash.add(s.to);
      hash.add(s.bias);
      hash.add(s.matrix.scale);
    }
  }
}

}  // namespace

uint64_t fingerprint(const container::Gguf& file, const backend::Plan& plan) {
  Hash hash;
  add_file(hash, file);
  add_plan(hash, plan);
  return hash.result();
}

}  // namespace ingot::engine
