// A recipe says which format each tensor of a model gets. It is text, one line a rule, and the last rule that fits a
// tensor decides:
//
//   # comment
//   NAME|NAME… [CONDITION…] = FORMAT     a name is the tensor's, whole or without "blk.N." and ".weight"; * is any text
//   keep NAME…                           tensors that stay as they are
//   fallback FORMAT NEXT                 for rows that are not a whole number of FORMAT's blocks; FORMAT may be *
//   file_type N                          what general.file_type says
//
// `head` is the name of what the last layer's output is multiplied by: output.weight, or the embedding where that is
// both. Conditions: more_bits (the first and the last eighth of the layers, and every third between them), first=N (the
// first 1/N of the layers), middle (neither the first nor the last eighth), layer<N, blocks=N, gqa>=N (query heads for
// each head of keys), experts=N, experts>=N, cols%N (rows are no multiple of N), stacked (a matrix for each expert),
// importance, no_importance (whether there is a matrix of it).
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ingot::quantize {

/// What a recipe's conditions ask about a model.
struct ModelFacts {
  uint64_t blocks = 0, heads_per_kv_head = 1, experts = 0;
  bool has_output = false, has_importance = false;
};

struct TensorFacts {
  std::string_view name;
  std::span<const uint64_t> shape;
};

class Recipe {
 public:
  /// Errors name the line: a rule that cannot be read, a format that is not known.
  explicit Recipe(std::string_view text, const std::string& name);
  /// The recipe of this name that comes with the program; nothing if there is none.
  static std::optional<Recipe> named(std::string_view name);
  /// The recipe that gives every tensor `format`.
  static Recipe of_format(std::string_view format);

  /// Rules of `later` come after these, and overrule them.
  void append(const Recipe& later);

  /// The format's name; nothing: the tensor is kept.
  std::optional<std::string> format_of(const TensorFacts& tensor, const ModelFacts& model) const;
  /// Whether the tensor is one that stays as it is whatever the rules say: not a matrix, or listed under `keep`.
  bool keeps(const TensorFacts& tensor) const;
  /// The format that follows `format` where rows do not divide; "" if there is none.
  std::string fallback_of(std::string_view format) const;
  std::optional<uint32_t> file_type() const { return file_type_; }

 private:
  struct Rule {
    std::vector<std::string> names, conditions;
    std::string format;
  };
  std::vector<Rule> rules_;
  std::vector<std::string> kept_;
  std::vector<std::pair<std::string, std::string>> fallbacks_;
  std::optional<uint32_t> file_type_;
};

struct RecipeText {
  const char *name, *text;
};
/// All recipes that come with the program, by name.
std::span<const RecipeText> recipe_texts();

}  // namespace ingot::quantize
