// Ends a streamed text at the first stop string, however the text was cut into pieces: what may be the beginning of one is held
// back until it is known.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace ingot::text {

class StopStrings {
 public:
  /// None of them may be empty; the caller sees to that.
  explicit StopStrings(std::vector<std::string> stops) : stops_(std::move(stops)) {}
  /// Text that is certain now. The first stop string to be complete ends the text, of several that end together the longest; it and
  /// what follows is dropped.
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
