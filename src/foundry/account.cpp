// What of a file nothing has read: metadata keys under the architecture's prefix, and tensors. Each is listed as
// harmless, in the spec or for every architecture, or the file is refused: what is passed over in silence would give
// wrong answers in silence.
#include <fmt/core.h>

#include <algorithm>

#include "base/wildcard.h"
#include "foundry/resolve.h"
#include "ingot/error.h"

namespace ingot::foundry {
namespace {

/// What the lists say of `name`: the entry that is called so, else the first that matches.
const Harmless::Key* find_key(const Numbers& numbers, const Names& names, std::string_view name) {
  const Harmless::Key* found = nullptr;
  for (const Harmless* list : {&numbers.spec().harmless, &names.harmless})
    for (const Harmless::Key& key : list->keys) {
      if (key.name == name) return &key;
      if (!found && matches(key.name, name)) found = &key;
    }
  return found;
}

constexpr uint64_t max_shown = 8, max_compared = 65'536;  // elements of an array

std::string value_text(const container::Value& value) {
  std::string text;
  for (const container::Scalar& scalar : container::Gguf::elements(value, max_shown)) {
    if (!text.empty()) text += ", ";
    if (auto* word = std::get_if<std::string_view>(&scalar))
      text += in_quotes(*word);
    else if (auto* flag = std::get_if<bool>(&scalar))
      text += *flag ? "true" : "false";
    else
      text += number_text(*number_of(scalar));
  }
  return value.count > max_shown ? fmt::format("{}, … ({} values)", text, value.count) : text;
}

/// Whether every element of `value` is one of `neutral`.
bool is_neutral(const container::Value& value, const std::vector<double>& neutral) {
  if (value.count > max_compared) return false;
  for (const container::Scalar& scalar : container::Gguf::elements(value)) {
    std::optional<double> number = number_of(scalar);
    if (!number || std::find(neutral.begin(), neutral.end(), *number) == neutral.end()) return false;
  }
  return true;
}

}  // namespace

void account_for_keys(Numbers& numbers, const Names& names) {
  const std::string prefix = numbers.prefixed("");
  for (const auto& [full_name, value] : numbers.file().metadata()) {
    if (!full_name.starts_with(prefix)) continue;
    const std::string_view name = full_name.substr(prefix.size());
    if (numbers.spec().keys.contains(std::string(name))) continue;
    const Harmless::Key* key = find_key(numbers, names, name);
    if (!key)
      throw Error("foundry", fmt::format("the key {} is not understood", in_quotes(full_name)), value_text(value),
                  "keys of " + numbers.spec().source, "leaving it out might give answers that are not the model's");
    if (key->values.empty()) continue;
    std::vector<double> neutral;
    std::string expected = "none";
    for (const Expression& e : key->values) {
      // A list that holds for every architecture may speak of a size that this one does not have.
      if (!e.name.empty() && !numbers.spec().parameters.contains(e.name)) continue;
      neutral.push_back(numbers.value(e));
      expected += " or " + number_text(neutral.back());
    }
    if (!is_neutral(value, neutral))
      throw Error("foundry", std::string(full_name), value_text(value), expected,
                  "models of this kind are not supported");
  }
}

void account_for_tensors(Numbers& numbers, const Names& names, const std::set<std::string>& used) {
  auto find_harmless = [&](const std::string& name) -> const Harmless::Tensors* {
    for (const Harmless* list : {&numbers.spec().harmless, &names.harmless})
      for (const Harmless::Tensors& tensors : list->tensors)
        if (matches(tensors.pattern, name)) return &tensors;
    return nullptr;
  };
  const std::string advice = "leaving it out might give answers that are not the model's";
  for (const container::Tensor& tensor : numbers.file().tensors()) {
    if (used.contains(tensor.name)) continue;
    const Harmless::Tensors* found = find_harmless(tensor.name);
    if (!found)
      throw Error("foundry", fmt::format("tensor {} is not understood", in_quotes(tensor.name)), "",
                  fmt::format("tensors of {} with {} layers", numbers.spec().source, numbers.value({0, "layers", ""})),
                  advice);
    bool fits = found->elements.empty();
    std::string expected;
    for (const Expression& e : found->elements) {
      const double elements = numbers.value(e);
      fits |= elements == static_cast<double>(tensor.elements);
      expected += (expected.empty() ? "" : " or ") + number_text(elements);
    }
    if (!fits)
      throw Error("foundry", fmt::format("the elements of tensor {} are not understood", in_quotes(tensor.name)),
                  std::to_string(tensor.elements), expected, advice);
  }
}

}  // namespace ingot::foundry
