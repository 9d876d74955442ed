// An architecture as its spec states it, before any file is seen: typed, checked for fields that do not exist and for
// parameters that are not there. Texts come from architectures/, put into the library by the build. It says what a
// model is; numbers stay names of parameters until resolve.h reads them from a file. docs/architectures.md explains the
// JSON.
#pragma once
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "foundry/block_spec.h"

namespace ingot::foundry {

struct SpecText {
  const char* name;  ///< file name without its ending
  const char* text;  ///< JSON
};
std::span<const SpecText> spec_texts();  ///< architectures/*.json
std::span<const SpecText> name_texts();  ///< architectures/names/*.json

/// Holds in a model whose `parameter` is the number `is`.
struct Condition {
  std::string parameter;
  double is = 0;
};

/// A number of the model. The file's value wins; then `then` where `when` holds; then `fallback`.
struct Parameter {
  std::vector<std::string> keys;       ///< metadata keys without the prefix; the first in the file counts
  std::optional<Expression> fallback;  ///< nothing: the file must state it
  std::optional<Condition> when;
  Expression then;
};

/// Layers that have a block. Where `n` is a parameter for which the file lists yes or no per layer, they are those with
/// yes.
struct LayerRule {
  enum class Which { all, first, every, all_but_every, when };
  std::string block;
  Which which = Which::all;  ///< every: layers n, 2n, … counted from 1, none where n is 0; all_but_every: the others
  Expression n;
  Condition when;
};

/// What a file may have although nothing reads it, for it changes no answer. A * stands for any text.
struct Harmless {
  struct Key {
    std::string name;                ///< without the architecture's prefix
    std::vector<Expression> values;  ///< with one of these it says what leaving it out says; empty: whatever its value
  };
  struct Tensors {
    std::string pattern;               ///< of names; a * stands for any text
    std::vector<Expression> elements;  ///< how many it may have; empty: any number
  };
  std::vector<Key> keys;
  std::vector<Tensors> tensors;
};

struct Spec {
  std::string name;
  std::string source;  ///< for messages: "architectures/child.json (extends parent)"
  std::map<std::string, Parameter> parameters;
  std::set<std::string> keys;  ///< every metadata key that something reads, without the architecture's prefix
  Harmless harmless;
  Expression epsilon;
  bool scale_embedding = false;  ///< looked-up rows are multiplied by sqrt(hidden)
  std::map<std::string, MixerSpec> mixers;
  std::map<std::string, FeedForwardSpec> feed_forwards;
  std::vector<LayerRule> mixer_rules, feed_forward_rules;  ///< the first that has a layer decides; the last has all
  Presence head = Presence::if_present;                    ///< absent: tied to the embedding
};

/// Tensor and metadata names of one container.
struct Names {
  std::string architecture_key, tokens_key;
  std::string format_space;                    ///< whose numbers the tensor types are
  std::string weight_ending, scale_ending;     ///< of names that belong together
  std::map<std::string, std::string> tensors;  ///< role → name with {layer}
  Harmless harmless;                           ///< of every architecture
  /// Name of the tensor in `role`; `layer` −1: outside the layers.
  std::string tensor(const std::string& role, int layer) const;
};

/// Reads the spec called `name` from `texts`, with what it extends. Errors say file and field.
Spec read_spec(std::string_view name, std::span<const SpecText> texts);
Names read_names(std::string_view name, std::span<const SpecText> texts);

}  // namespace ingot::foundry
