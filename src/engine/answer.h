// One answer in progress: what happens to a token that was chosen, what must be run next, and when the answer ends. It
// runs nothing and knows neither sessions nor batches: `generate` and the scheduler drive it.
#pragma once
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ingot/ingot.h"
#include "text/stop_strings.h"

namespace ingot::engine {

class Answer {
 public:
  /// Gets each token with the logits that it was chosen from.
  using OnToken = std::function<void(int32_t id, std::span<const float> logits)>;
  using OnText = std::function<void(std::string_view)>;

  /// Continues `text` in a context of `context` tokens. Errors: an empty stop string, no text, a `keep` that leaves no
  /// space.
  Answer(const Tokenizer& tokenizer, const AnswerLimits& limits, int context, std::span<const int32_t> text);
  void set_callbacks(OnToken on_token, OnText on_text) {
    on_token_ = std::move(on_token), on_text_ = std::move(on_text);
  }

  /// Whether the answer has ended.
  bool ended() const { return ended_; }
  /// Emits `id`, chosen from `logits` (none where the device chose it) after the `held` tokens that were run. It may
  /// end the answer; otherwise it must be run: after them, or, if they fill the context, as the last one of
  /// `shortened`. Errors: what callbacks throw.
  void take(int32_t id, std::span<const float> logits, int held);
  bool fills_context(int held) const { return held >= context_; }
  /// What replaces `held`: its beginning, half of the rest, and the last token.
  std::vector<int32_t> shortened(std::span<const int32_t> held);
  /// The last token was run. `seconds`: for that and for its choice.
  void count_step(double seconds) { made_.steps++, made_.seconds += seconds; }
  /// Ends here.
  void end(StopReason reason) { ended_ = true, made_.reason = reason; }
  /// The whole answer, including text that was held back, which on_text gets. Called once.
  Generation finish();
  /// The answer so far.
  const Generation& made() const { return made_; }

 private:
  void hand_out(const std::string& text);

  Tokenizer tokenizer_;
  AnswerLimits limits_;
  int context_, keep_;
  OnToken on_token_;
  OnText on_text_;
  TextStream stream_;
  text::StopStrings stops_;
  bool ended_ = false;
  Generation made_;
};

}  // namespace ingot::engine
