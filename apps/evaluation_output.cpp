#include "evaluation_output.h"

#include <fmt/format.h>

namespace ingot::apps {

Json to_json(const Divergence& d) {
  Json bands = Json::array();
  for (const ConfidenceBand& b : d.by_confidence)
    bands.push_back({{"from", b.from},
                     {"to", b.to},
                     {"tokens", b.tokens},
                     {"kl_mean", b.mean},
                     {"kl_mean_error", b.mean_error},
                     {"same_top", b.same_top}});
  return {{"perplexity", d.base_perplexity},
          {"perplexity_error", d.base_perplexity_error},
          {"log_ratio", d.log_ratio},
          {"log_ratio_error", d.log_ratio_error},
          {"kl",
           {{"mean", d.mean},
            {"mean_error", d.mean_error},
            {"median", d.median},
            {"p90", d.p90},
            {"p99", d.p99},
            {"p99_9", d.p999},
            {"max", d.max}}},
          {"same_top", d.same_top},
          {"same_top_error", d.same_top_error},
          {"by_confidence", bands}};
}

std::string band_text(const ConfidenceBand& b) {
  return b.from == 0 ? fmt::format("below {:g} %", 100 * b.to)
         : b.to == 1 ? fmt::format("{:g} % or more", 100 * b.from)
                     : fmt::format("{:g} to {:g} %", 100 * b.from, 100 * b.to);
}

std::string share_text(double share) { return fmt::format("{:.2f} %", 100 * share); }

}  // namespace ingot::apps
