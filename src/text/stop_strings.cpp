#include "text/stop_strings.h"

#include <algorithm>
#include <utility>

namespace ingot::text {

std::string StopStrings::push(std::string_view text) {
  if (!found_.empty()) return "";
  for (char c : text) {
    held_ += c;
    for (const std::string& stop : stops_)
      if (stop.size() > found_.size() && held_.ends_with(stop)) found_ = stop;
    if (found_.empty()) continue;
    std::string ready = held_.substr(0, held_.size() - found_.size());
    held_.clear();
    return ready;
  }
  size_t hold = 0;  // bytes at the end with which a stop string begins
  for (const std::string& stop : stops_)
    for (size_t n = std::min(stop.size() - 1, held_.size()); n > hold; n--)
      if (held_.ends_with(std::string_view(stop).substr(0, n))) hold = n;
  std::string ready = held_.substr(0, held_.size() - hold);
  held_.erase(0, ready.size());
  return ready;
}

std::string StopStrings::finish() { return std::exchange(held_, ""); }

}  // namespace ingot::text
