// A model that answers conversations. Between answers it keeps the KV cache, so that only new text is evaluated.
#pragma once
#include <functional>

#include "conversation.h"
#include "ingot/ingot.h"
#include "interrupt.h"
#include "settings.h"

namespace ingot::apps {

/// Statistics of one answer.
struct Answered {
  Generation made;
  int prompt_tokens = 0;
  int kept_tokens = 0;  ///< of them, read before and not again
  double prompt_seconds = 0;
  int left_out = 0;  ///< turns from the beginning that no longer fit, and that the model was not given
};

class Answerer {
 public:
  Answerer(const Model& model, ChatTemplate chat_template);
  /// The answer to the last message; `on_text` gets it as it is made. A note of `watch` ends it early, also while the
  /// prompt is read. Errors: a template that refuses the conversation, a last turn that does not fit into the context.
  Answered answer(const Conversation& conversation, const Settings& settings, const InterruptWatch& watch,
                  const std::function<void(std::string_view)>& on_text);
  /// From now on no turn is left out.
  void start_anew() { left_out_ = 0; }
  int held() const { return session_.size(); }
  int context() const { return session_.context(); }

 private:
  std::vector<int32_t> prompt(const Conversation& conversation, int left_out) const;
  std::vector<int32_t> prompt_that_fits(const Conversation& conversation);
  bool read(const std::vector<int32_t>& tokens, const InterruptWatch& watch, Answered& answered);

  Model model_;
  ChatTemplate template_;
  Session session_;
  int left_out_ = 0;
};

}  // namespace ingot::apps
