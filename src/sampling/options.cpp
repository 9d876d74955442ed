#include "sampling/options.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

namespace ingot::sampling {

void check_options(const SamplingOptions& o, int vocab) {
  const std::vector<std::string> known = SamplingOptions().samplers;
  for (const std::string& name : o.samplers)
    if (std::ranges::find(known, name) == known.end())
      throw Error("sampling", "unknown sampler", name, fmt::format("one of {}", fmt::join(known, ", ")));
  auto demand = [](bool holds, const char* name, double got, const char* expected) {
    if (!holds) throw Error("sampling", fmt::format("{} is out of range", name), fmt::format("{}", got), expected);
  };
  auto number = [&](float x, const char* name) { demand(std::isfinite(x), name, x, "a number"); };
  auto not_negative = [&](float x, const char* name) { demand(x >= 0 && std::isfinite(x), name, x, "0 or more"); };
  auto share = [&](float x, const char* name) { demand(x >= 0 && x <= 1, name, x, "0 to 1"); };
  auto positive_share = [&](float x, const char* name) { demand(x > 0 && x <= 1, name, x, "more than 0, at most 1"); };
  not_negative(o.temperature, "temperature");
  not_negative(o.dynatemp_range, "dynatemp_range");
  not_negative(o.dynatemp_exponent, "dynatemp_exponent");
  demand(o.top_k >= 0, "top_k", o.top_k, "0 or more");
  positive_share(o.top_p, "top_p");
  share(o.min_p, "min_p");
  positive_share(o.typical_p, "typical_p");
  number(o.top_n_sigma, "top_n_sigma");
  share(o.xtc_probability, "xtc_probability");
  share(o.xtc_threshold, "xtc_threshold");
  not_negative(o.dry_multiplier, "dry_multiplier");
  demand(o.dry_base >= 1 && std::isfinite(o.dry_base), "dry_base", o.dry_base, "1 or more");
  demand(o.dry_allowed_length >= 0, "dry_allowed_length", o.dry_allowed_length, "0 or more");
  demand(o.dry_penalty_last_n >= -1, "dry_penalty_last_n", o.dry_penalty_last_n, "-1 or more");
  for (const std::string& b : o.dry_sequence_breakers)
    if (b.empty()) throw Error("sampling", "a sequence breaker is empty", "", "some text");
  demand(o.repeat_penalty > 0 && std::isfinite(o.repeat_penalty), "repeat_penalty", o.repeat_penalty, "more than 0");
  demand(o.repeat_last_n >= -1, "repeat_last_n", o.repeat_last_n, "-1 or more");
  number(o.presence_penalty, "presence_penalty");
  number(o.frequency_penalty, "frequency_penalty");
  demand(o.mirostat == 0 || o.mirostat == 2, "mirostat", o.mirostat, "0 or 2");
  not_negative(o.mirostat_lr, "mirostat_lr");
  not_negative(o.mirostat_ent, "mirostat_ent");
  for (const TokenBias& b : o.logit_bias) {
    demand(b.id >= 0 && b.id < vocab, "a token of logit_bias", b.id, "a token of the vocabulary");
    demand(std::isfinite(b.bias) || b.bias == -INFINITY, "logit_bias", b.bias, "a number, or minus infinity");
  }
}

}  // namespace ingot::sampling
