#include "answer_output.h"

#include <fmt/format.h>

namespace ingot::apps {

Json token_json(const Tokenizer& tokenizer, int32_t id, float logprob, std::span<const TokenLogprob> top) {
  Json token = {{"id", id}, {"text", tokenizer.piece(id)}, {"logprob", as_written(logprob)}};
  if (top.empty()) return token;
  Json list = Json::array();
  for (const TokenLogprob& t : top)
    list.push_back({{"id", t.id}, {"text", tokenizer.piece(t.id)}, {"logprob", as_written(t.logprob)}});
  token.add("top", std::move(list));
  return token;
}

std::optional<double> decode_rate(const Generation& made) {
  return made.steps ? std::optional(made.steps / made.seconds) : std::nullopt;
}

Json answer_object(const std::vector<int32_t>& prompt_tokens, Json tokens, const Generation& made,
                   const Timings& timings) {
  return {{"prompt_tokens", prompt_tokens},
          {"tokens", std::move(tokens)},
          {"text", made.text},
          {"stop_reason", reason_name(made.reason)},
          {"timings",
           {{"load_s", timings.load_seconds},
            {"prompt_tokens_per_s", timings.prompt_rate},
            {"decode_tokens_per_s", timings.decode_rate}}}};
}

const char* reason_name(StopReason reason) {
  switch (reason) {
    case StopReason::end: return "end";
    case StopReason::stop: return "stop";
    case StopReason::length: return "length";
    case StopReason::context: return "context";
    case StopReason::interrupted: return "interrupted";
    case StopReason::failed: return "failed";
  }
  return "";
}

std::string reason_text(const Generation& made) {
  switch (made.reason) {
    case StopReason::end: return "the text is complete";
    case StopReason::stop: return fmt::format("stopped at '{}'", made.stop_string);
    case StopReason::length: return "token limit reached (-n)";
    case StopReason::context: return "the context is full (-c)";
    case StopReason::interrupted: return "interrupted";
    case StopReason::failed: return "failed";
  }
  return "";
}

}  // namespace ingot::apps
