// A text cut into windows of as many tokens as a model is to see at once: perplexities and importances are measured on
// these.
#pragma once
#include <cstdint>
#include <string_view>
#include <vector>

#include "ingot/ingot.h"

namespace ingot::engine {

/// The windows of a text, as one model's token ids.
struct Windows {
  std::vector<int32_t> ids;
  std::vector<int32_t> first;  // what the model puts before a text: one token or none
  int context = 0;
  int64_t count = 0;

  /// Errors: the text fills no window.
  Windows(const Model& model, std::string_view text, const EvaluateOptions& options);
  /// A window begins as texts do.
  std::vector<int32_t> operator[](int64_t window) const;
};

/// Errors: a window that no session of the model holds; a negative number of windows.
void check_windows(const EvaluateOptions& options, const Model& model);

}  // namespace ingot::engine
