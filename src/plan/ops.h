// The ops of a plan: what each one reads and writes, and with which shapes. Their kernels are in kernels/OP; the plan
// (plan.cpp) and every backend visit each of them, so an op that one forgets does not compile.
#pragma once
#include <cstdint>
#include <optional>
#include <type_traits>
#include <variant>
#include <vector>

namespace ingot::plan {

struct Value;
struct Weight;
struct Vector;
struct Rope;
struct State;

/// Index into one of a plan's lists. Ids of different lists do not mix.
template <class Of> struct Id {
  int32_t index = -1;  ///< -1: absent
  explicit operator bool() const { return index >= 0; }
  bool operator==(const Id&) const = default;
};

/// Rows first_row … and columns first_col … of a weight: the whole of it, or a part of one that is fused, stacked or
/// shared out.
struct Slice {
  Id<Weight> weight;
  int64_t first_row = 0, rows = 0, first_col = 0, cols = 0;
  bool operator==(const Slice&) const = default;
};

/// x · weight / sqrt(mean(x²) + epsilon)
struct Norm {
  Id<Vector> weight;
  float epsilon = 0;
};

enum class Activation { silu, gelu_tanh };

/// Query heads, the key and value heads that they share, and the elements of each.
struct HeadShape {
  int heads = 0, kv_heads = 0, key_size = 0, value_size = 0;
  bool operator==(const HeadShape&) const = default;
};

/// to = scale · (row of `table` for each token)
struct Embed {
  static constexpr const char* kind = "embed";
  Slice table;
  float scale = 1;
  Id<Value> to;
};

/// One matrix of a Linear:  to (=, or += where `add`) W · x + bias
struct Output {
  Slice weight;
  Id<Vector> bias;
  Id<Value> to;
  bool add = false;
};

/// One or several matrices times the same input, which is normed first where there is a norm. Where `from` has a row
/// per token and the outputs a row per output, only rows whose logits are asked for are computed.
struct Linear {
  static constexpr const char* kind = "linear";
  Id<Value> from;
  std::optional<Norm> norm;
  std::vector<Output> outputs;
};

/// to = activation(gate · x) · (up · x)
struct GatedLinear {
  static constexpr const char* kind = "gated_linear";
  Id<Value> from;
  std::optional<Norm> norm;
  Slice gate, up;
  Activation activation = Activation::silu;
  Id<Value> to;
};

/// Norms (where there are norms, per head) and rotates queries and keys, and stores keys and values in `state`. Queries
/// are written in place.
struct RopeStore {
  static constexpr const char* kind = "rope_store";
  Id<Value> query, key, value;
  Id<Rope> rope;
  std::optional<Norm> query_norm, key_norm;
  Id<State> state;
};

/// to = Σ softmax(scale · query · keys) · values over the positions of the same sequence that a token sees
struct Attend {
  static constexpr const char* kind = "attend";
  Id<Value> query;
  Id<State> state;
  int window = 0;  ///< a token sees itself and window − 1 before it; 0: all
  float scale = 1;
  Id<Value> to;
};

/// to += norm(from)
struct NormAdd {
  static constexpr const char* kind = "norm_add";
  Id<Value> from;
  Norm norm;
  Id<Value> to;
};

using Op = std::variant<Embed, Linear, GatedLinear, RopeStore, Attend, NormAdd>;

/// Calls `visit(name, field)` with every field of an op, or of a part of one, in order. The bindings name all of them,
/// so that a field that is added does not compile until it is listed: fingerprints, `explain` and tests read ops
/// through this alone.
template <class V> void describe(const Slice& s, V&& visit) {
  const auto& [weight, first_row, rows, first_col, cols] = s;
  visit("weight", weight), visit("first_row", first_row), visit("rows", rows), visit("first_col", first_col),
      visit("cols", cols);
}
template <class V> void describe(const Norm& n, V&& visit) {
  const auto& [weight, epsilon] = n;
  visit("weight", weight), visit("epsilon", epsilon);
}
template <class V> void describe(const HeadShape& h, V&& visit) {
  const auto& [heads, kv_heads, key_size, value_size] = h;
  visit("heads", heads), visit("kv_heads", kv_heads), visit("key_size", key_size), visit("value_size", value_size);
}
template <class V> void describe(const Output& o, V&& visit) {
  const auto& [weight, bias, to, add] = o;
  visit("weight", weight), visit("bias", bias), visit("to", to), visit("add", add);
}
template <class V> void describe(const Embed& op, V&& visit) {
  const auto& [table, scale, to] = op;
  visit("table", table), visit("scale", scale), visit("to", to);
}
template <class V> void describe(const Linear& op, V&& visit) {
  const auto& [from, norm, outputs] = op;
  visit("from", from), visit("norm", norm), visit("outputs", outputs);
}
template <class V> void describe(const GatedLinear& op, V&& visit) {
  const auto& [from, norm, gate, up, activation, to] = op;
  visit("from", from), visit("norm", norm), visit("gate", gate), visit("up", up), visit("activation", activation),
      visit("to", to);
}
template <class V> void describe(const RopeStore& op, V&& visit) {
  const auto& [query, key, value, rope, query_norm, key_norm, state] = op;
  visit("query", query), visit("key", key), visit("value", value), visit("rope", rope);
  visit("query_norm", query_norm), visit("key_norm", key_norm), visit("state", state);
}
template <class V> void describe(const Attend& op, V&& visit) {
  const auto& [query, state, window, scale, to] = op;
  visit("query", query), visit("state", state), visit("window", window), visit("scale", scale), visit("to", to);
}
template <class V> void describe(const NormAdd& op, V&& visit) {
  const auto& [from, norm, to] = op;
  visit("from", from), visit("norm", norm), visit("to", to);
}

template <class T>
concept Described = requires(const T& part) { describe(part, [](const char*, const auto&) {}); };

/// Calls `visit(name, field)` with every field of an op and of its parts, in order; slices are not taken apart. What
/// only asks which weights, vectors or values an op names reads it through this, and needs no word about a new op.
template <class T, class V> void each_leaf(const T& part, V&& visit, const char* name = "") {
  if constexpr (std::is_same_v<T, Slice>)
    visit(name, part);
  else if constexpr (Described<T>)
    describe(part, [&](const char* inner, const auto& field) { each_leaf(field, visit, inner); });
  else if constexpr (requires { part.has_value(); }) {
    if (part) each_leaf(*part, visit, name);
  } else if constexpr (requires { part.begin(); })
    for (const auto& one : part) each_leaf(one, visit, name);
  else
    visit(name, part);
}

}  // namespace ingot::plan
