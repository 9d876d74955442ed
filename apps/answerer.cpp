// Template, prompt, session and token loop of one answer after another.
#include "answerer.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "chat_prompt.h"
#include "terminal.h"

namespace ingot::apps {
namespace {

constexpr int prompt_piece = 512;       // tokens between two looks at the clock and at Ctrl-C
constexpr int min_answer_tokens = 256;  // tokens; a quarter of the context where that is less

}  // namespace

Answerer::Answerer(const Model& model, ChatTemplate chat_template)
    : model_(model), template_(std::move(chat_template)), session_(model) {}

std::vector<int32_t> Answerer::prompt(const Conversation& conversation, int left_out) const {
  return model_.tokenizer().encode(render_chat(template_, conversation.json(left_out).text()));
}

/// When the conversation has become too long, turns are dropped from its beginning until half of the context is free: a
/// change at the beginning invalidates the KV cache for everything after it, so it is not done for each answer.
std::vector<int32_t> Answerer::prompt_that_fits(const Conversation& conversation) {
  const int reserved = std::min(min_answer_tokens, context() / 4), last_turn = std::max(0, conversation.turns() - 1);
  left_out_ = std::min(left_out_, last_turn);
  std::vector<int32_t> tokens = prompt(conversation, left_out_);
  auto length = [&] { return static_cast<int64_t>(tokens.size()); };
  if (length() + reserved > context())
    while (left_out_ < last_turn && 2 * length() > context()) tokens = prompt(conversation, ++left_out_);
  if (length() >= context())
    throw Error("chat", "the message does not fit into the context", fmt::format("{} tokens", length()),
                fmt::format("fewer than {}", context()), "shorten it, or use a longer context (-c)");
  return tokens;
}

/// False when Ctrl-C came first.
bool Answerer::read(const std::vector<int32_t>& tokens, const InterruptWatch& watch, Answered& answered) {
  auto start = std::chrono::steady_clock::now();
  session_.set_stop([&watch] { return watch.noted(); });
  ProgressBar bar("reading");
  try {
    const std::span<const int32_t> all(tokens);
    const int n = static_cast<int>(tokens.size());
    auto [differ, _] = std::ranges::mismatch(all, session_.tokens());
    const int known = static_cast<int>(differ - all.begin());
    answered.kept_tokens = session_.resume(all.first(std::min(n, known + prompt_piece)));
    while (session_.size() < n) {
      bar.show(double(session_.size() - known) / (n - known));
      session_.resume(all.first(std::min(n, session_.size() + prompt_piece)));
    }
  } catch (const Error&) {
    if (!watch.noted()) throw;
    return false;
  }
  answered.prompt_seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return true;
}

Answered Answerer::answer(const Conversation& conversation, const Settings& settings, const InterruptWatch& watch,
                          const std::function<void(std::string_view)>& on_text) {
  Answered answered;
  std::vector<int32_t> tokens = prompt_that_fits(conversation);
  answered.left_out = left_out_;
  answered.prompt_tokens = static_cast<int>(tokens.size());
  answered.made.reason = StopReason::interrupted;
  if (!read(tokens, watch, answered)) return answered;
  Sampler sampler(model_, settings.sampling);
  GenerateOptions options = settings.limits;
  if (options.keep < 0) options.keep = answered.prompt_tokens;
  options.on_text = on_text;
  options.interrupted = [&watch] { return watch.noted(); };
  answered.made = generate(session_, sampler, options);
  return answered;
}

}  // namespace ingot::apps
