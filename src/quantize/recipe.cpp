#include "quantize/recipe.h"

#include <algorithm>
#include <cctype>
#include <charconv>

#include "base/wildcard.h"
#include "ingot/quantize.h"
#include "quant/format.h"

namespace ingot::quantize {

namespace {

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front()))) text.remove_prefix(1);
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back()))) text.remove_suffix(1);
  return text;
}
std::vector<std::string> split(std::string_view text, std::string_view separators) {
  std::vector<std::string> parts;
  for (size_t at = 0; at <= text.size();) {
    const size_t end = std::min(text.find_first_of(separators, at), text.size());
    if (const std::string_view part = trimmed(text.substr(at, end - at)); !part.empty()) parts.emplace_back(part);
    at = end + 1;
  }
  return parts;
}

std::optional<uint64_t> number(std::string_view text) {
  uint64_t n = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return n;
}

// The layer in "blk.N.…", and the rest of the name.
std::optional<uint64_t> layer_of(std::string_view name, std::string_view* rest = nullptr) {
  if (!name.starts_with("blk.")) return std::nullopt;
  const size_t dot = name.find('.', 4);
  if (dot == std::string_view::npos) return std::nullopt;
  if (rest) *rest = name.substr(dot + 1);
  return number(name.substr(4, dot - 4));
}

bool is_embedding(std::string_view name) {
  return name == "token_embd.weight" || name == "per_layer_token_embd.weight";
}

bool fits_name(const std::string& pattern, std::string_view name, const ModelFacts& model) {
  if (pattern == "head") return name == "output.weight" || (!model.has_output && is_embedding(name));
  return matches(pattern, name) || matches(pattern, place_of_tensor(name).kind);
}

// Whether a condition holds; nothing where no such condition is known.
std::optional<bool> holds(std::string_view c, const TensorFacts& t, const ModelFacts& m) {
  const uint64_t n = m.blocks, i = layer_of(t.name).value_or(0);
  auto after = [c](std::string_view word) {
    return c.starts_with(word) ? number(c.substr(word.size())) : std::nullopt;
  };
  if (c == "more_bits") return i < n / 8 || i >= 7 * n / 8 || (i - n / 8) % 3 == 2;
  if (c == "middle") return i >= n / 8 && i < 7 * n / 8;
  if (c == "stacked") return t.shape.size() > 2 && t.shape[2] > 1;
  if (c == "importance") return m.has_importance;
  if (c == "no_importance") return !m.has_importance;
  if (const auto part = after("first="); part && *part > 0) return i < n / *part;
  if (const auto layer = after("layer<")) return i < *layer;
  if (const auto blocks = after("blocks=")) return n == *blocks;
  if (const auto heads = after("gqa>=")) return m.heads_per_kv_head >= *heads;
  if (const auto experts = after("experts>=")) return m.experts >= *experts;
  if (const auto experts = after("experts=")) return m.experts == *experts;
  if (const auto cols = after("cols%"); cols && *cols > 0) return t.shape[0] % *cols != 0;
  return std::nullopt;
}

}  // namespace

Recipe::Recipe(std::string_view text, const std::string& name) {
  int line = 0;
  auto refuse = [&](const std::string& what, std::string_view got, const std::string& expected) {
    throw Error("quantize", name + ", line " + std::to_string(line) + ": " + what, std::string(got), expected);
  };
  auto known_format = [&](const std::string& format) {
    if (!quant::find_format(format)) refuse("an unknown format", format, "a name that `ingot formats` lists");
    return format;
  };
  const uint64_t one_layer[] = {256};
  auto read_rule = [&](const std::string& rule) {
    const std::vector<std::string> words = split(rule, " \t\r");
    if (words[0] == "keep") {
      kept_.insert(kept_.end(), words.begin() + 1, words.end());
    } else if (words[0] == "fallback" && words.size() == 3) {
      if (words[1] != "*") known_format(words[1]);
      fallbacks_.emplace_back(words[1], known_format(words[2]));
    } else if (words[0] == "file_type" && words.size() == 2) {
      const auto n = number(words[1]);
      if (!n || *n > UINT32_MAX) refuse("file_type is not a number", words[1], "a whole number");
      file_type_ = static_cast<uint32_t>(*n);
    } else {
      const size_t equals = rule.rfind('=');
      if (equals == std::string::npos) refuse("not a rule", rule, "NAME = FORMAT");
      std::string_view names = trimmed(std::string_view(rule).substr(0, equals));
      Rule r;
      r.format = known_format(std::string(trimmed(std::string_view(rule).substr(equals + 1))));
      if (const size_t bracket = names.find('['); bracket != std::string_view::npos) {
        if (!names.ends_with("]")) refuse("a condition does not end", names, "NAME [CONDITION] = FORMAT");
        r.conditions = split(names.substr(bracket + 1, names.size() - bracket - 2), " \t");
        names = names.substr(0, bracket);
      }
      r.names = split(names, "|");
      if (r.names.empty()) refuse("a rule without a name", rule, "NAME = FORMAT");
      for (const std::string& c : r.conditions)
        if (!holds(c, {"blk.0.x", one_layer}, {})) refuse("an unknown condition", c, "one that docs/quantize.md lists");
      rules_.push_back(std::move(r));
    }
  };
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view whole = text.substr(0, end);
    line++;
    for (const std::string& rule : split(whole.substr(0, whole.find('#')), ",")) read_rule(rule);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

std::optional<Recipe> Recipe::named(std::string_view name) {
  std::string small(name);
  std::ranges::transform(small, small.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  for (const RecipeText& t : recipe_texts())
    if (t.name == small) return Recipe(t.text, std::string("the recipe ") + t.name);
  return std::nullopt;
}

Recipe Recipe::of_format(std::string_view format) {
  return Recipe("* = " + std::string(format), "the format asked for");
}

void Recipe::append(const Recipe& later) {
  rules_.insert(rules_.end(), later.rules_.begin(), later.rules_.end());
  kept_.insert(kept_.end(), later.kept_.begin(), later.kept_.end());
  fallbacks_.insert(fallbacks_.begin(), later.fallbacks_.begin(), later.fallbacks_.end());
  if (later.file_type_) file_type_ = later.file_type_;
}

bool Recipe::keeps(const TensorFacts& t) const {
  return t.shape.size() < 2 || !t.name.ends_with("weight") ||
         std::ranges::any_of(kept_, [&](const std::string& pattern) { return matches(pattern, t.name); });
}

std::optional<std::string> Recipe::format_of(const TensorFacts& t, const ModelFacts& m) const {
  if (keeps(t)) return std::nullopt;
  std::optional<std::string> format;
  for (const Rule& r : rules_) {
    const bool named = std::ranges::any_of(r.names, [&](const auto& n) { return fits_name(n, t.name, m); });
    if (named && std::ranges::all_of(r.conditions, [&](const auto& c) { return *holds(c, t, m); })) format = r.format;
  }
  return format;
}

std::string Recipe::fallback_of(std::string_view format) const {
  for (const auto& [from, to] : fallbacks_)
    if ((from == format || from == "*") && to != format) return to;
  return "";
}

}  // namespace ingot::quantize

namespace ingot {

TensorPlace place_of_tensor(std::string_view name) {
  std::string_view piece = name;
  const auto layer = quantize::layer_of(name, &piece);
  if (piece.ends_with(".weight")) piece.remove_suffix(7);
  return {layer && *layer <= INT32_MAX ? static_cast<int>(*layer) : -1, std::string(piece)};
}

}  // namespace ingot
