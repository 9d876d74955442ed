// How evaluations are written: for `ingot eval` and `ingot judge`.
#pragma once
#include <string>

#include "ingot/ingot.h"
#include "json_output.h"

namespace ingot::apps {

/// {perplexity, perplexity_error, log_ratio, log_ratio_error, kl, same_top, same_top_error, by_confidence}
Json to_json(const Divergence& divergence);
/// "sure (90 % or more)": what the base's confidence is in a band.
std::string band_text(const ConfidenceBand& band);
/// "99.12 %"
std::string share_text(double share);

}  // namespace ingot::apps
