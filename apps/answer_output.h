// An answer as the commands hand it out: its JSON, and why it ended there, for programs and for people.
#pragma once
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "ingot/ingot.h"
#include "json_output.h"

namespace ingot::apps {

/// A token with the probability that the model gave it, and those of `top`, where there are any. Its text alone may be
/// half a character: U+FFFD.
Json token_json(const Tokenizer& tokenizer, int32_t id, float logprob, std::span<const TokenLogprob> top);

/// What a request took; absent where nothing was run.
struct Timings {
  double load_seconds = 0;
  std::optional<double> prompt_rate, decode_rate;  ///< tokens per second
};
std::optional<double> decode_rate(const Generation& made);

/// The object of `run --json`; `tokens`: an array of token_json.
Json answer_object(const std::vector<int32_t>& prompt_tokens, Json tokens, const Generation& made,
                   const Timings& timings);

/// "end", "stop", …
const char* reason_name(StopReason reason);
/// "the text is complete", …
std::string reason_text(const Generation& made);

}  // namespace ingot::apps
