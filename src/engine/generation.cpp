// The token loop of one session: choose, emit, run, until there is a reason to stop.
#include <chrono>

#include "engine/answer.h"
#include "ingot/ingot.h"

namespace ingot {
namespace {

template <class Work> double seconds_of(Work work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// Runs what `answer` needs next. Returns the following token if the device chose it.
std::optional<int32_t> run_last_token(Session& session, engine::Answer& answer, int32_t id, bool needs_only_argmax) {
  if (answer.fills_context(session.size())) {
    session.resume(answer.shortened(session.tokens()));
    return std::nullopt;
  }
  if (needs_only_argmax) return session.append_greedy(id);
  session.append(std::span(&id, 1));
  return std::nullopt;
}

}  // namespace

Generation generate(Session& session, Sampler& sampler, const GenerateOptions& options) {
  engine::Answer answer(session.model().tokenizer(), options, session.context(), session.tokens());
  answer.set_callbacks(
      [&](int32_t id, std::span<const float>) {
        if (options.on_token) options.on_token(id);
      },
      options.on_text);
  const auto is_interrupted = [&] { return options.interrupted && options.interrupted(); };
  // Nobody needs logits.
  const bool needs_only_argmax = sampler.is_greedy() && !options.allowed && !options.on_token;
  std::optional<int32_t> best;  // chosen when the last token was run
  while (!answer.ended()) {
    if (is_interrupted()) {
      answer.end(StopReason::interrupted);
      break;
    }
    int32_t id = -1;
    double seconds = seconds_of([&] {
      id = best ? *best
                : sampler.choose(session.tokens(), session.logits(),
                                 options.allowed ? options.allowed() : std::span<const uint64_t>());
    });
    answer.take(id, {}, session.size());
    if (answer.ended()) break;
    try {
      seconds += seconds_of([&] { best = run_last_token(session, answer, id, needs_only_argmax); });
      answer.count_step(seconds);
    } catch (const Error&) {
      if (!is_interrupted()) throw;
      answer.end(StopReason::interrupted);
    }
  }
  return answer.finish();
}

}  // namespace ingot
