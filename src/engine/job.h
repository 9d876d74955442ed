// One request of a scheduler: what it asked for, what of its text was run and what is still to be run, and what it made
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

/// What a request has to know of its model.
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
  /// The next tokens to run. When all of them were, the next one is chosen.
  std::span<const int32_t> pending() const { return std::span(pending_).subspan(done_); }
  /// Takes what the prefix cache has, where `from_prefix`, and all pages that `pending` needs, where others can have
  /// `spare` more. False: they are not there, and nothing changed.
  bool begin(bool from_prefix, int spare, double now);
  /// Gives its pages back; what was run becomes pending again.
  void yield();
  /// Whether the next token is the most probable one, where it `allows` that, and nobody asks for logits.
  bool needs_only_argmax() const;
  bool allows(int32_t best) const;
  /// The first `count` pending tokens were run.
  void push(int count);
  /// Chooses the token after those that were run.
  int32_t choose(std::span<const float> logits);
  /// Hands the token out, and sees what is pending then. Errors: what callbacks throw.
  void take(int32_t id, std::span<const float> logits, double now);
  bool ended() const { return answer_.ended(); }
  /// Calls on_end with what became of the request, `error` where it failed. Called once, at the end.
  void finish(std::optional<Error> error, double now);
  void cancel() { answer_.end(StopReason::interrupted); }
  /// Tokens that the prefix cache had when it began first; −1: it did not begin.
  int cached_tokens() const { return cached_tokens_; }

 private:
  void hand_out(int32_t id, std::span<const float> logits);

  uint64_t id_;
  Request request_;
  const ModelFacts& model_;
  PagedSequence sequence_;
  Answer answer_;
  std::optional<Constraint> constraint_;
  std::unique_ptr<sampling::Chain> chain_;  // from when it begins: it has memory for the whole vocabulary
  std::vector<int32_t> pending_;
  size_t done_ = 0;  // of pending_
  int cached_tokens_ = -1, preemptions_ = 0;
  double submitted_ = 0;
  std::optional<double> begun_, first_token_;
};

}  // namespace ingot::engine
