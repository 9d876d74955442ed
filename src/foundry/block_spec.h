// The blocks of a spec: the kinds of mixers and feed-forwards that layers are made of, each with the facts that its
// JSON states. A new kind is a struct here, a case in block_spec.cpp, and an overload in resolve.cpp and in lower.cpp.
#pragma once
#include <optional>
#include <string>
#include <variant>

#include "plan/plan.h"

namespace ingot::foundry {

/// A number as a spec writes it: a constant (10000), a parameter ("heads") or the whole quotient of two ("hidden /
/// heads").
struct Expression {
  double constant = 0;
  std::string name, divisor;  ///< parameters; empty name: the constant; empty divisor: no division
  std::string text() const;
};

/// Whether a model of this architecture has a tensor.
enum class Presence { none, required, if_present };

/// How rope is stretched beyond the context of training. Which kind it is, the file says.
struct ScalingSpec {
  std::string kind_key, default_kind;  ///< "none", "linear" or "yarn"
  Expression factor, original_context, magnitude;
  Expression yarn_magnitude;  ///< in place of what yarn makes of the factor; 0: as yarn does
  Expression extrapolation, beta_fast, beta_slow;
};
struct RopeSpec {
  plan::Rope::Pairing pairing = plan::Rope::Pairing::neighbours;
  Expression dims, base;
  Presence factors = Presence::none;   ///< tensor of dims / 2 numbers that divide the frequencies
  std::optional<ScalingSpec> scaling;  ///< nothing: never scaled
};

struct AttentionSpec {
  Expression heads, kv_heads, key_size, value_size;
  bool fused_qkv = false;  ///< q, k and v are one tensor, their rows one after another
  Presence qkv_bias = Presence::none;
  bool qk_norm = false;              ///< queries and keys are normed per head
  Expression query_pre_attn_scalar;  ///< q·k is multiplied by 1 / sqrt(query_pre_attn_scalar)
  Expression window;                 ///< a token sees itself and window − 1 before it; 0: all
  std::optional<RopeSpec> rope;      ///< nothing: positions are not encoded (NoPE)
};
struct GatedMlpSpec {
  Expression ffn;
  bool fused_gate_up = false;  ///< gate and up are one tensor, the gate's rows first
  plan::Activation activation = plan::Activation::silu;
};

/// One block of a spec: its kind, and what every kind has.
template <class... Kinds> struct BlockSpec {
  std::variant<Kinds...> kind;
  bool post_norm = false;  ///< its output is normed before it is added to the residual
};
using MixerSpec = BlockSpec<AttentionSpec>;
using FeedForwardSpec = BlockSpec<GatedMlpSpec>;

}  // namespace ingot::foundry
