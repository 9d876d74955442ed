// The settings that can be changed while chatting: the sampling and stop flags, with the same names and checks.
#pragma once
#include <string>

#include "ingot/ingot.h"

namespace ingot::apps {

class Settings {
 public:
  SamplingOptions sampling;
  GenerateOptions limits;

  /// Sets "temp" (or "--temp") to "0.7". Errors: Error that says what was expected; nothing is changed.
  void set(const std::string& name, const std::string& value);
  /// A line for each setting with its value; of one, also what it means. Errors: Error where there is none of that
  /// name.
  std::string text(const std::string& name = "") const;
};

}  // namespace ingot::apps
