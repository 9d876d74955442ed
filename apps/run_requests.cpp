#include "run_requests.h"

#include <fmt/format.h>

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "answer_output.h"
#include "chat_prompt.h"
#include "commands.h"
#include "flags.h"
#include "ingot/engine.h"
#include "interrupt.h"
#include "output.h"

namespace ingot::apps {
namespace {

/// Answers of all requests. The engine's thread fills them, the main thread prints them.
class Answers {
 public:
  explicit Answers(size_t n) : answers_(n) {}

  void end(size_t i, const Json& object, bool failed) {
    std::string line = object.text() + "\n";
    std::lock_guard lock(mutex_);
    answers_[i] = std::move(line);
    failed_ |= failed;
    changed_.notify_one();
  }
  /// Prints what is ready, in order, and waits a little where nothing is. Returns how many are printed.
  size_t print_ready() {
    constexpr auto glance = std::chrono::milliseconds(100);  // how soon Ctrl-C is seen
    std::unique_lock lock(mutex_);
    if (printed_ < answers_.size() && !answers_[printed_]) changed_.wait_for(lock, glance);
    while (printed_ < answers_.size() && answers_[printed_]) {
      const std::string line = std::exchange(*answers_[printed_++], {});
      lock.unlock();
      answer(line), flush_answer();
      lock.lock();
    }
    return printed_;
  }
  bool failed() const { return failed_; }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::optional<std::string>> answers_;  // lines
  size_t printed_ = 0;
  bool failed_ = false;
};

std::vector<int32_t> prompt_of(const RequestLine& line, const Model& model, const std::optional<ChatTemplate>& chat) {
  if (!line.messages.empty()) return model.tokenizer().encode(render_chat(model.chat_template(), line.messages));
  if (line.raw || !chat) return model.tokenizer().encode(line.prompt, true, false);
  return model.tokenizer().encode(render_chat(*chat, one_turn(line.system, line.prompt)));
}

Json error_object(const Error& error) { return {{"error", std::string(error.what())}}; }

/// A request whose callbacks write answer `i`.
Request request_of(const RequestLine& line, const Model& model, const std::optional<ChatTemplate>& chat,
                   Answers& answers, size_t i) {
  Request request;
  static_cast<AnswerLimits&>(request) = line.limits;
  request.prompt = prompt_of(line, model, chat);
  request.sampling = line.sampling;
  request.grammar = line.structure.read();
  request.logprobs = line.logprobs;
  auto tokens = std::make_shared<Json>(Json::array());
  request.on_token = [tokens, tokenizer = model.tokenizer()](const ChosenToken& t) {
    tokens->push_back(token_json(tokenizer, t.id, t.logprob, t.top));
  };
  request.on_end = [tokens, &answers, i, prompt = request.prompt,
                    load = model.info().load_seconds](const Completion& made) {
    if (made.error) return answers.end(i, error_object(*made.error), true);
    Timings timings{.load_seconds = load, .prompt_rate = {}, .decode_rate = decode_rate(made)};
    if (made.seconds_to_first > made.seconds_queued)
      timings.prompt_rate = made.prompt_tokens / (made.seconds_to_first - made.seconds_queued);
    answers.end(i, answer_object(prompt, std::move(*tokens), made, timings), false);
  };
  return request;
}

}  // namespace

int perform_requests(const RequestsRun& run) {
  const std::vector<RequestLine> lines = read_requests(run.file, run.defaults);
  LoadOptions load = run.load;
  load.max_outputs = std::max(load.max_outputs, run.parallel);
  load.max_batch = std::max(load.max_batch, run.parallel);
  Model model = load_model(run.model, load);
  std::optional<ChatTemplate> chat;
  if (!model.info().chat_template.empty()) chat = model.chat_template();

  Answers answers(lines.size());  // outlives the engine, whose callbacks write it
  InterruptWatch watch;
  Engine engine(model, {.max_running = run.parallel, .max_queue = run.parallel, .max_slowdown = 0});
  std::vector<Engine::Id> ids;
  size_t begun = 0, printed = 0;
  while (printed < lines.size()) {
    // As many wait as run, so that the engine never lacks work, and a file of any length is never queued as a whole.
    for (; begun < lines.size() && engine.statistics().queued < run.parallel && !watch.noted(); begun++) {
      try {
        ids.push_back(engine.submit(request_of(lines[begun], model, chat, answers, begun)));
      } catch (const Error& error) { answers.end(begun, error_object(error), true); }
    }
    printed = answers.print_ready();
    if (!watch.noted()) continue;
    for (Engine::Id id : ids) engine.cancel(id);
    while (printed < begun) printed = answers.print_ready();
    return interrupted;
  }
  return answers.failed() ? failure : success;
}

}  // namespace ingot::apps
