// Ends a streamed text at the first stop string, however the text is chunked: text that may be the beginning of one is
// held back until this is decided.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace ingot::text {

class StopStrings {
 public:
  /// None of them may be empty; the caller ensures it.
  explicit StopStrings(std::vector<std::string> stops) : stops_(std::move(stops)) {}
  /// The text that is now certain. The first complete stop string ends the text (of several that end together, the
  /// longest); it and what follows are dropped.
  std::string push(std::string_view text);
  /// What was held back, at the end of the text.
  std::string finish();
  /// The stop string that was met; empty: none yet.
  const std::string& found() const { return found_; }

 private:
  std::vector<std::string> stops_;
  std::string held_, found_;
};

}  // namespace ingot::text
