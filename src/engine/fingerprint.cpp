#include "engine/fingerprint.h"

#include <xxhash.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <type_traits>
#include <variant>

namespace ingot::engine {
namespace {

class Hash {
 public:
  Hash() : state_(XXH3_createState(), XXH3_freeState) { XXH3_64bits_reset(state_.get()); }
  template <class T>
    requires std::is_arithmetic_v<T> || std::is_enum_v<T>
  void add(T value) {
    XXH3_64bits_update(state_.get(), &value, sizeof value);
  }
  void add(const void* bytes, uint64_t n) { add(n), XXH3_64bits_update(state_.get(), bytes, n); }
  template <class T> void add(const std::vector<T>& values) { add(values.data(), values.size() * sizeof(T)); }
  void add(std::string_view text) { add(text.data(), text.size()); }
  uint64_t result() const { return XXH3_64bits_digest(state_.get()); }

 private:
  std::unique_ptr<XXH3_state_t, XXH_errorcode (*)(XXH3_state_t*)> state_;
};

// So many samples of a tensor, from its first byte to its last, equally far apart; all of it where that is not more.
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

// Written so that nothing can be forgotten: the bindings name every field of a part of the plan, and ops list theirs
// themselves (describe), or it does not compile. Left out are names that are only displayed, capacities (Limits), and
// where weights are in memory, which the file's tensors tell better.

class PlanHash {
 public:
  explicit PlanHash(Hash& hash) : hash_(hash) {}

  void add(const plan::Plan& plan) {
    const auto& [architecture, values, weights, vectors, ropes, states, steps, logits, limits] = plan;
    static_cast<void>(limits);
    field(std::string_view(architecture));
    field(values), field(weights), field(vectors), field(ropes), field(states), field(steps), field(logits);
  }

 private:
  template <class T>
    requires std::is_arithmetic_v<T> || std::is_enum_v<T>
  void field(T number) {
    hash_.add(number);
  }
  void field(std::string_view text) { hash_.add(text); }
  template <class T> void field(plan::Id<T> id) { hash_.add(id.index); }
  template <class T> void field(const std::vector<T>& list) {
    hash_.add(list.size());
    for (const T& item : list) field(item);
  }
  template <class T> void field(const std::optional<T>& part) {
    hash_.add(part.has_value());
    if (part) field(*part);
  }
  void field(const plan::Value& value) {
    const auto& [name, cols, rows] = value;
    static_cast<void>(name);
    field(cols), field(rows);
  }
  void field(const plan::Weight& weight) {
    const auto& [name, format, rows, cols, data, scale] = weight;
    static_cast<void>(data);
    field(std::string_view(name)), field(std::string_view(format->name)), field(rows), field(cols), field(scale);
  }
  void field(const plan::Vector& vector) {
    const auto& [name, numbers] = vector;
    static_cast<void>(name);
    field(numbers);
  }
  void field(const plan::Rope& rope) {
    const auto& [pairing, dims, frequencies, magnitude] = rope;
    field(pairing), field(dims), field(frequencies), field(magnitude);
  }
  void field(const plan::State& state) {
    const auto& [name, heads] = state;
    static_cast<void>(name);
    field(heads);
  }
  void field(const plan::Step& step) {
    const auto& [layer, name, op] = step;
    static_cast<void>(name);
    field(layer);
    std::visit([this](const auto& o) { field(std::string_view(o.kind)), field(o); }, op);
  }
  // Ops and their parts.
  template <class T>
    requires requires(const T& part) { plan::describe(part, [](const char*, const auto&) {}); }
  void field(const T& part) {
    plan::describe(part, [this](const char*, const auto& f) { field(f); });
  }

  Hash& hash_;
};

}  // namespace

uint64_t fingerprint(const container::Gguf& file, const plan::Plan& plan) {
  Hash hash;
  add_file(hash, file);
  PlanHash(hash).add(plan);
  return hash.result();
}

}  // namespace ingot::engine
