// Many requests at once on one model: an Engine shares every run of the plan between them. For one conversation at a
// time a Session (ingot.h) is enough.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "ingot/ingot.h"

namespace ingot {

/// A token of an answer as it is handed out.
struct ChosenToken {
  int32_t id = -1;
  float logprob = 0;                       ///< as TokenLogprob; 0 where Request::logprobs asks for none
  std::span<const TokenLogprob> top = {};  ///< the most probable tokens there, best first; valid during the call
};

/// What became of a request. `seconds` are those from its first token to its end, with what ran beside it.
struct Completion : Generation {
  std::optional<Error> error;  ///< why it failed; tokens and text are those before
  int prompt_tokens = 0;
  int cached_tokens = 0;        ///< of the prompt, whose keys and values were there already
  int preemptions = 0;          ///< how often its memory went to others and it was continued later, to the same effect
  double seconds_queued = 0;    ///< from `submit` until it was begun
  double seconds_to_first = 0;  ///< from `submit` to its first token; 0 where there is none
};

/// A prompt to be answered. Callbacks that are not set are left out. All are called on the engine's thread, one after
/// another, and hold up every answer while they run. They may use the engine, but not destroy it. What on_token or
/// on_text throws ends that request alone, with the error in its Completion; what on_end throws is dropped.
struct Request : AnswerLimits {
  std::vector<int32_t> prompt;  ///< at least one token, at most as many as the context holds
  SamplingOptions sampling;
  std::optional<Grammar> grammar;  ///< what the answer may look like
  int logprobs = -1;  ///< most probable tokens that come with each token; 0: its own logprob alone; −1: not even that
  int priority = 0;   ///< requests of a higher one are begun first; of equal ones, those that came first
  std::function<void(const ChosenToken&)> on_token;  ///< each token; not the one that ends a text
  std::function<void(std::string_view)> on_text;     ///< text as it becomes certain; whole characters
  std::function<void(const Completion&)> on_end;     ///< once, last, whatever the reason
};

struct EngineOptions {
  int max_running = 0;   ///< requests that run at once; 0: as many as the model's max_outputs, which is also the most
  int max_queue = 1024;  ///< requests that wait beside them
  int max_prompt = 0;    ///< tokens of a prompt; 0: as many as the context holds
  bool prefix_cache =
      true;  ///< keys and values stay, while there is memory, for prompts that begin with the same tokens
  double max_slowdown =
      2;  ///< a step that reads prompts beside running answers takes about so many times as long as one without
          ///< prompts, at least 1; 0: as long as the rows of max_batch take, for the most tokens per second
};

/// Counts since the engine was made, where they are not those of now. Pages are those of the model: sessions and other
/// engines use them too.
struct EngineStatistics {
  int queued = 0, running = 0;           ///< requests, now
  uint64_t submitted = 0, finished = 0;  ///< requests; finished for whatever reason
  uint64_t preemptions = 0;
  int pages = 0, free_pages = 0;                ///< now; pages are of 64 positions (PlanInfo::page_bytes)
  int cached_pages = 0;                         ///< now, in the prefix cache, whether or not a request uses them too
  uint64_t prefix_hits = 0, prefix_misses = 0;  ///< prompts of which some tokens, or none, were there already
  uint64_t prefix_tokens = 0;                   ///< that were not run again
  uint64_t steps = 0, rows = 0;                 ///< runs of the plan, and tokens in them
};

/// Runs many requests on one model. A request's tokens and log-probabilities are what they would be if it were alone,
/// bit for bit, whatever runs beside it.
class Engine {
 public:
  using Id = uint64_t;
  /// Starts the engine's thread. Errors: an option out of its range.
  explicit Engine(const Model& model, const EngineOptions& options = {});
  /// Cancels what is queued or running (on_end is called of each), and waits for the thread.
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;
  /// From any thread; callbacks may come before it returns. Errors: a prompt that is empty, too long, or has tokens out
  /// of the vocabulary; an option out of its range; an empty stop string; the queue is full.
  Id submit(Request request);
  /// From any thread: ends a request within one step, with StopReason::interrupted. Does nothing where it has ended.
  void cancel(Id id);
  /// From any thread.
  EngineStatistics statistics() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace ingot
