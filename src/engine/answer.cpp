#include "engine/answer.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "base/checked.h"

namespace ingot::engine {

Answer::Answer(const Tokenizer& tokenizer, const AnswerLimits& limits, int context, std::span<const int32_t> text)
    : tokenizer_(tokenizer), limits_(limits), context_(context), stream_(tokenizer), stops_(limits.stop) {
  for (const std::string& stop : limits.stop)
    if (stop.empty()) throw Error("engine", "a stop string is empty", "", "some text");
  if (text.empty()) throw Error("engine", "there is no text to continue", "", "at least one token");
  if (limits.keep < -1)
    throw Error("engine", "cannot keep that many tokens", std::to_string(limits.keep),
                "0 or more, or -1 for the whole text");
  keep_ = limits.keep == -1 ? narrow<int>(text.size(), "engine", "the number of tokens") : limits.keep;
  if (text.front() == tokenizer.bos()) keep_ = std::max(keep_, 1);
  if (limits.context_shift && keep_ > context - 2)
    throw Error("engine", "cannot keep that many tokens when the context is shifted", std::to_string(keep_),
                fmt::format("at most {}", context - 2), "keep fewer or ask for a longer context");
  if (limits.max_tokens == 0) end(StopReason::length);
}

void Answer::take(int32_t id, std::span<const float> logits, int held) {
  if (tokenizer_.is_eog(id)) return end(StopReason::end);
  made_.tokens.push_back(id);
  if (on_token_) on_token_(id, logits);
  hand_out(stops_.push(stream_.push(id)));
  if (!stops_.found().empty()) {
    made_.stop_string = stops_.found();
    return end(StopReason::stop);
  }
  // Nobody needs what follows the last token.
  if (limits_.max_tokens >= 0 && std::cmp_greater_equal(made_.tokens.size(), limits_.max_tokens))
    return end(StopReason::length);
  if (fills_context(held) && !limits_.context_shift) end(StopReason::context);
}

std::vector<int32_t> Answer::shortened(std::span<const int32_t> held) {
  const auto keep = static_cast<size_t>(keep_), rest = held.size() - keep, tail = rest - (rest + 1) / 2;
  std::vector<int32_t> text(held.begin(), held.begin() + keep_);
  text.insert(text.end(), held.end() - static_cast<int64_t>(tail), held.end());
  text.push_back(made_.tokens.back());
  made_.shifts++;
  return text;
}

Generation Answer::finish() {
  hand_out(stops_.push(stream_.finish()));
  hand_out(stops_.finish());
  return std::move(made_);
}

void Answer::hand_out(const std::string& text) {
  made_.text += text;
  if (on_text_ && !text.empty()) on_text_(text);
}

}  // namespace ingot::engine
