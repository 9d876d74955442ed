#include "engine/job.h"

#include <fmt/core.h>

#include <algorithm>
#include <new>
#include <utility>

#include "engine/chooser.h"
#include "engine/logprobs.h"
#include "sampling/options.h"

namespace ingot::engine {

namespace {

/// The request, if it is valid.
Request checked(Request request, const ModelFacts& model) {
  for (int32_t id : request.prompt)
    if (id < 0 || id >= model.vocab)
      throw Error("engine", "token is not in the vocabulary", std::to_string(id),
                  fmt::format("0 … {}", model.vocab - 1));
  if (request.logprobs < -1 || request.logprobs > model.vocab)
    throw Error("engine", "cannot report that many log-probabilities", std::to_string(request.logprobs),
                fmt::format("-1 … {}", model.vocab));
  sampling::check_options(request.sampling, model.vocab);
  return request;
}

}  // namespace

Error current_error() {
  try {
    throw;
  } catch (const Error& e) { return e; } catch (const std::bad_alloc&) {
    return Error("engine", "not enough memory to continue");
  } catch (const std::exception& e) { return Error("engine", "a request failed", e.what()); } catch (...) {
    return Error("engine", "a request failed", "an exception of an unknown type");
  }
}

Job::Job(uint64_t id, Request request, const ModelFacts& model, Memory& memory, double now)
    : id_(id),
      request_(checked(std::move(request), model)),
      model_(model),
      sequence_(memory, model.context),
      answer_(model.tokenizer, request_, model.context, request_.prompt),
      pending_(request_.prompt),
      submitted_(now) {
  if (request_.grammar) constraint_.emplace(*request_.grammar, model.tokenizer);
  answer_.set_callbacks([this](int32_t token, std::span<const float> logits) { hand_out(token, logits); },
                        request_.on_text);
}

bool Job::begin(bool from_prefix, int spare, double now) {
  if (!chain_) chain_ = make_chain(model_.tokenizer, model_.vocab, request_.sampling);
  const int cached = from_prefix ? sequence_.share_prefix(pending_) : 0;
  if (!sequence_.reserve(static_cast<int>(pending_.size()) - cached, spare)) {
    sequence_.truncate(0);
    return false;
  }
  done_ = static_cast<size_t>(cached);
  if (!begun_) begun_ = now;
  if (cached_tokens_ < 0) cached_tokens_ = cached;
  return true;
}

void Job::yield() {
  const auto rest = pending();
  std::vector<int32_t> all(sequence_.tokens().begin(), sequence_.tokens().end());
  all.insert(all.end(), rest.begin(), rest.end());
  pending_ = std::move(all);
  done_ = 0;
  sequence_.truncate(0);
  preemptions_++;
}

bool Job::needs_only_argmax() const {
  return chain_->is_greedy_among_allowed() && !constraint_ && request_.logprobs < 0;
}
bool Job::allows(int32_t best) const { return best < 0 || chain_->allows(best); }

void Job::push(int count) {
  sequence_.push(pending().first(static_cast<size_t>(count)));
  done_ += static_cast<size_t>(count);
}

int32_t Job::choose(std::span<const float> logits) {
  return chain_->choose(logits, sequence_.tokens(), constraint_ ? constraint_->allowed() : std::span<const uint64_t>());
}

void Job::take(int32_t id, std::span<const float> logits, double now) {
  if (!first_token_) first_token_ = now;
  if (!answer_.made().tokens.empty()) answer_.count_step(0);  // the last token was run to choose this one
  answer_.take(id, logits, sequence_.size());
  pending_.clear(), done_ = 0;
  if (answer_.ended()) return;
  if (!answer_.fills_context(sequence_.size())) return pending_.push_back(id);
  pending_ = answer_.shortened(sequence_.tokens());
  const int kept = std::min(sequence_.common(pending_), static_cast<int>(pending_.size()) - 1);
  sequence_.truncate(kept);
  done_ = static_cast<size_t>(kept);
}

void Job::hand_out(int32_t id, std::span<const float> logits) {
  if (constraint_) constraint_->accept(id);
  if (!request_.on_token) return;
  ChosenToken token{.id = id};
  std::vector<TokenLogprob> best;
  if (request_.logprobs >= 0) {
    token.logprob = log_softmax(logits, id);
    best = top(logits, request_.logprobs);
    token.top = best;
  }
  request_.on_token(token);
}

void Job::finish(std::optional<Error> error, double now) {
  Completion result;
  if (!error) {
    try {
      static_cast<Generation&>(result) = answer_.finish();
    } catch (...) { error = current_error(); }
  }
  if (error) {
    answer_.end(StopReason::failed);
    static_cast<Generation&>(result) = answer_.made();
  }
  result.error = std::move(error);
  result.prompt_tokens = static_cast<int>(request_.prompt.size());
  result.cached_tokens = std::max(cached_tokens_, 0);
  result.preemptions = preemptions_;
  if (begun_) result.seconds_queued = *begun_ - submitted_;
  if (first_token_) result.seconds_to_first = *first_token_ - submitted_, result.seconds = now - *first_token_;
  if (!request_.on_end) return;
  try {
    request_.on_end(result);
  } catch (...) {
    // There is nobody left to notify (Request).
  }
}

}  // namespace ingot::engine
