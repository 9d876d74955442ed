// Answers as JSON: always one value, always valid UTF-8.
#pragma once
#include <nlohmann/json.hpp>

namespace ingot::apps {

/// Keys stay in the order in which they were set.
using Json = nlohmann::ordered_json;

/// Writes `value` to stdout on one line, on a terminal on as many as it takes to read it. Bytes that are no UTF-8 become
/// U+FFFD; what is not finite becomes null.
void answer_json(const Json& value);

/// `x` with the digits that a float has and no more: 0.1f is 0.1, not 0.10000000149011612.
double as_written(float x);

}  // namespace ingot::apps
