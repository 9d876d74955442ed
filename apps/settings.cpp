// The flags' own parser reads each setting, so that there is one list of names and one set of checks.
#include "settings.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <map>

#include "sampling_flags.h"
#include "table.h"

namespace ingot::apps {
namespace {

void add_settings(Command& parser, SamplingOptions& sampling, GenerateOptions& limits) {
  add_limits(parser, limits);
  add_sampling(parser, sampling);
}

/// "temp" for "temp", "--temp" and the flag's other names. Errors: Error.
std::string long_name(const Command& parser, std::string name) {
  name.erase(0, name.find_first_not_of('-'));
  const Option* option = parser.find((name.size() == 1 ? "-" : "--") + name);
  if (name.empty() || !option) throw Error("chat", "there is no setting '" + name + "'", "", "", "/set shows them all");
  return option->name();
}

const char* on_or_off(bool on) { return on ? "on" : "off"; }

}  // namespace

void Settings::set(const std::string& name, const std::string& value) {
  SamplingOptions new_sampling = sampling;
  GenerateOptions new_limits = limits;
  Command parser;
  add_settings(parser, new_sampling, new_limits);
  try {
    parser.parse({"--" + long_name(parser, name) + "=" + value});
  } catch (const UsageError& e) {
    throw Error("chat", fmt::format("'{}' cannot be set to '{}'", name, value), "", "", e.what());
  }
  sampling = new_sampling;
  limits = new_limits;
}

std::string Settings::text(const std::string& name) const {
  SamplingOptions sampling_now = sampling;
  GenerateOptions limits_now = limits;
  Command parser;
  add_settings(parser, sampling_now, limits_now);
  // what a flag's own default does not tell
  std::map<std::string, std::string> values = {
      {"predict", std::to_string(limits.max_tokens)},
      {"keep", std::to_string(limits.keep)},
      {"context-shift", on_or_off(limits.context_shift)},
      {"stop", fmt::format("{}", limits.stop)},
      {"ignore-eos", on_or_off(sampling.ignore_end)},
      {"dry-sequence-breaker", fmt::format("{}", sampling.dry_sequence_breakers)},
      {"logit-bias", count_text(sampling.logit_bias.size(), "token")}};
  const std::string one = name.empty() ? "" : long_name(parser, name);
  std::string text;
  for (const auto& option : parser.options()) {
    const std::string known = option->name();
    if (!one.empty() && known != one) continue;
    auto value = values.find(known);
    text += fmt::format("{:<22}{}\n", known, value != values.end() ? value->second : option->default_text());
    if (!one.empty()) text += option->description() + "\n";
  }
  return text;
}

}  // namespace ingot::apps
