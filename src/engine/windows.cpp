#include "engine/windows.h"

#include <fmt/core.h>

#include <algorithm>

namespace ingot::engine {

Windows::Windows(const Model& model, std::string_view text, const EvaluateOptions& options)
    : ids(model.tokenizer().encode(text)),
      first(model.tokenizer().encode("")),
      context(options.context),
      count(static_cast<int64_t>(ids.size()) / options.context) {
  if (count == 0)
    throw Error("evaluate", "the text is shorter than a window", fmt::format("{} tokens", ids.size()),
                fmt::format("at least {}", context), "take a longer text or a shorter window");
  if (options.windows > 0) count = std::min<int64_t>(count, options.windows);
}

std::vector<int32_t> Windows::operator[](int64_t window) const {
  auto begin = ids.begin() + window * context;
  std::vector<int32_t> one(begin, begin + context);
  if (!first.empty()) one.front() = first.front();
  return one;
}

void check_windows(const EvaluateOptions& options, const Model& model) {
  constexpr int min = 4;  // half a window has a token to predict, and one before it
  int max = model.explain().context;
  if (options.context < min || options.context > max)
    throw Error("evaluate", "window size is out of range", fmt::format("{} tokens", options.context),
                fmt::format("{} to {}", min, max), "load the model with a longer context");
  if (options.windows < 0)
    throw Error("evaluate", "cannot score that many windows", std::to_string(options.windows), "0 or more");
}

}  // namespace ingot::engine
