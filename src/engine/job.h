// One request of a scheduler: what it asked for, what of its text was run and what is still to be run, and its output
// so far.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "engine/answer.h"
#include "engine/memory.h"
#include "ingot/engine.h"
#include "sampling/chain.h"

namespace ingot::engine {

/// What a request needs to know about its model.
struct ModelFacts {
  Tokenizer tokenizer;
  int vocab = 0, context = 0;
};

/// The exception that is being handled, as the error that ended a request.
Error current_error();

class Job {
 public:
  /// Errors: a prompt that is empty or has tokens out of the vocabulary, options out of their range, an empty stop
  /// string.
  Job(uint64_t id, Request request, const ModelFacts& model, Memory& memory, double now);

  uint64_t id() const { return id_; }
  int priority() const { return request_.priority; }
  PagedSequence& sequence() { return sequence_; }
  /// The next tokens to run. Once all have been run, the next one is chosen.
  std::span<const int32_t> pending() const { return std::span(pending_).subspan(done_); }
  /// Takes what the prefix cache has, where `from_prefix`, and all pages that `pending` needs, if `spare` more remain
  /// available to others. False: there are too few, and nothing changed.
  bool begin(bool from_prefix, int spare, double now);
  /// Releases its pages; what was run becomes pending again.
  void yield();
  /// Whether the next token is the most probable one, where `allows` accepts it, and nobody needs logits.
  bool needs_only_argmax() const;
  bool allows(int32_t best) const;
  /// The first `count` pending tokens were run.
  void push(int count);
  /// Chooses the token after those that were run.
  int32_t choose(std::span<const float> logits);
  /// Emits the token, and determines what is pending then. Errors: what callbacks throw.
  void take(int32_t id, std::span<const float> logits, double now);
  bool ended() const { return answer_.ended(); }
  /// Calls on_end with the result of the request, `error` if it failed. Called once, at the end.
  void finish(std::optional<Error> error, double now);
  void cancel() { answer_.end(StopReason::interrupted); }
  /// Tokens that the prefix cache had when it first began; −1: it has not begun.
  int cached_tokens() const { return cached_tokens_; }

 private:
  void hand_out(int32_t id, std::span<const float> logits);

  uint64_t id_;
  Request request_;
  const ModelFacts& model_;
  PagedSequence sequence_;
  Answer answer_;
  std::optional<Constraint> constraint_;
  std::unique_ptr<sampling::Chain> chain_;  // from its beginning on: it has memory for the whole vocabulary
  std::vector<int32_t> pending_;
  size_t done_ = 0;  // of pending_
  int cached_tokens_ = -1, preemptions_ = 0;
  double submitted_ = 0;
  std::optional<double> begun_, first_token_;
};

}  // namespace ingot::engine
