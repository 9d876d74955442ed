// An architecture as its spec states it, before any file is seen: typed, checked for fields that do not exist and for
// parameters that are not there. Texts come from architectures/, put into the library by the build. It says what a model is;
// numbers stay names of parameters until resolve.h reads them from a file.
#pragma once
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "plan/plan.h"

namespace ingot::foundry {

struct SpecText {
  const char* name;  ///< file name without its ending
  const char* text;  ///< JSON
};
std::span<const SpecText> spec_texts();  ///< architectures/*.json
std::span<const SpecText> name_texts();  ///< architectures/names/*.json

/// A number as a spec writes it: a constant (10000), a parameter ("heads") or the whole quotient of two ("hidden / heads").
struct Expression {
  double constant = 0;
  std::string name, divisor;  ///< parameters; empty name: the constant; empty divisor: no division
  std::string text() const;
};

/// A number of the model. The file's value wins; then `then` when parameter `when` has the value `is`; then `fallback`.
struct Parameter {
  std::vector<std::string> keys;       ///< metadata keys without the architecture's prefix; the first that the file has counts
  std::optional<Expression> fallback;  ///< nothing: the file must state it
  std::string when;                    ///< empty: no such case
  double is = 0;
  Expression then;
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

/// What a file may have although nothing reads it, for it changes no answer. A * stands for any text.
struct Harmless {
  struct Key {
    std::string name;                ///< without the architecture's prefix
    std::vector<Expression> values;  ///< with one of these it says what leaving it out says; empty: whatever its value
  };
  std::vector<Key> keys;
  std::vector<std::string> tensors;
};

struct Spec {
  std::string name;
  std::string source;  ///< for messages: "architectures/child.json (extends parent)"
  std::map<std::string, Parameter> parameters;
  Harmless harmless;
  Expression epsilon;
  bool scale_embedding = false;              ///< looked-up rows are multiplied by sqrt(hidden)
  Presence attention_bias = Presence::none;  ///< on q, k and v
  bool qk_norm = false, attention_post_norm = false, mlp_post_norm = false;
  Expression query_size;               ///< q·k is multiplied by 1 / sqrt(query_size)
  Expression window;                   ///< of local layers; 0: every layer is global
  Expression global_every;             ///< with a window: layers n, 2n, … counted from 1 are global; 0: none is. Or for each layer
                                       ///< whether it is local
  RopeSpec rope;                       ///< of global layers
  std::optional<RopeSpec> local_rope;  ///< of layers with a window; nothing: as `rope`
  plan::Activation activation = plan::Activation::silu;
  Presence head = Presence::if_present;  ///< absent: tied to the embedding
};

/// Tensor and metadata names of one container.
struct Names {
  std::string architecture_key, tokens_key;
  std::string format_space;                              ///< whose numbers the tensor types are
  std::string weight_ending, scale_ending;               ///< of names that belong together
  std::map<std::string, std::string> tensors;            ///< role → name with {layer}
  Harmless harmless;                                     ///< of every architecture
  /// Name of the tensor in `role`; `layer` −1: outside the layers.
  std::string tensor(const std::string& role, int layer) const;
};

/// Reads the spec called `name` from `texts`, with what it extends. Errors say file and field.
Spec read_spec(std::string_view name, std::span<const SpecText> texts);
Names read_names(std::string_view name, std::span<const SpecText> texts);

}  // namespace ingot::foundry
