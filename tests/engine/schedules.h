// Random schedules of requests on one model: whatever runs beside a request, however its prompt is cut, wherever its
// pages lie, and however often it is preempted, it gets the tokens, log-probabilities and text that it gets alone.
// Takes any program.
#pragma once
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "engine/load.h"
#include "engine/scheduler.h"
#include "ingot/engine.h"

namespace ingot::tests {

/// What a request made, but for times.
struct Outcome {
  std::vector<int32_t> tokens;
  std::vector<float> logprobs;    // of the tokens, each with those of the most probable ones behind it
  std::vector<int32_t> probable;  // the most probable ones
  std::string text, streamed, stop_string, error;
  StopReason reason = StopReason::length;
  int shifts = 0, steps = 0;
  bool operator==(const Outcome&) const = default;
};

inline void take(Outcome& outcome, const Generation& made) {
  outcome.tokens = made.tokens, outcome.text = made.text, outcome.stop_string = made.stop_string;
  outcome.reason = made.reason, outcome.shifts = made.shifts, outcome.steps = made.steps;
}

/// What `request` makes in a session of its own.
inline Outcome alone(const Model& model, const Request& request) {
  Outcome outcome;
  Session session(model);
  Sampler sampler(model, request.sampling);
  std::optional<Constraint> constraint;
  if (request.grammar) constraint.emplace(*request.grammar, model.tokenizer());
  GenerateOptions options;
  static_cast<AnswerLimits&>(options) = request;
  if (constraint) options.allowed = [&] { return constraint->allowed(); };
  options.on_text = [&](std::string_view text) { outcome.streamed += text; };
  options.on_token = [&](int32_t id) {
    if (constraint) constraint->accept(id);
    if (request.logprobs < 0) return;
    outcome.logprobs.push_back(session.logprob(id));
    for (const TokenLogprob& t : session.top(request.logprobs))
      outcome.logprobs.push_back(t.logprob), outcome.probable.push_back(t.id);
  };
  try {
    session.append(request.prompt);
    take(outcome, generate(session, sampler, options));
  } catch (const Error& e) { outcome.error = e.what(); }
  return outcome;
}

/// Makes `request` tell `outcome` what it made.
inline void record(Request& request, Outcome& outcome, bool& ended) {
  request.on_text = [&](std::string_view text) { outcome.streamed += text; };
  request.on_token = [&outcome, logprobs = request.logprobs](const ChosenToken& token) {
    if (logprobs < 0) return;
    outcome.logprobs.push_back(token.logprob);
    for (const TokenLogprob& t : token.top) outcome.logprobs.push_back(t.logprob), outcome.probable.push_back(t.id);
  };
  request.on_end = [&](const Completion& made) {
    EXPECT_FALSE(ended) << "on_end came twice";
    ended = true;
    take(outcome, made);
    if (made.error) outcome.error = made.error->what();
  };
}

/// What the schedules came to, so that a test can see that it tested something.
struct Seen {
  int requests = 0, cancelled = 0, shifts = 0;
  uint64_t preemptions = 0, prefix_tokens = 0, steps = 0, rows = 0;
};

class Schedules {
 public:
  Schedules(std::shared_ptr<Model::State> state, uint32_t seed) : state_(std::move(state)), random_(seed) {}

  /// One schedule of `n` requests, begun at random times.
  void run(int n, Seen& seen) {
    const Model model(state_);
    std::vector<Planned> planned(n);
    make_beginnings();
    for (Planned& p : planned) {
      p.request = request();
      p.alone = alone(model, p.request);
      record(p.request, p.got, p.ended);
      p.arrival = below(4) ? below(60) : 0;
      p.cancelled_at = below(6) ? -1 : p.arrival + below(40);
    }
    engine::Memory memory(state_->program->states(), pages());
    double clock = 0;
    engine::SchedulerOptions options;
    options.engine.max_running = below(3) ? 0 : 1 + below(state_->plan.limits.max_outputs);
    options.engine.prefix_cache = below(5) > 0;
    options.engine.max_slowdown = below(4);
    options.now = [&] { return clock += below(1000) * 1e-5; };
    engine::Scheduler scheduler(*state_, memory, options);
    if (watch) watch(&memory);
    int step = 0;
    for (int left = n; left > 0 || scheduler.has_work(); step++) {
      ASSERT_LT(step, 20000) << "nothing goes on";
      for (int i = 0; i < n; i++) {
        if (planned[i].arrival == step) scheduler.submit(scheduler.prepare(i + 1, planned[i].request)), left--;
        if (planned[i].cancelled_at == step && !planned[i].ended) {
          scheduler.cancel(i + 1);
          EXPECT_TRUE(planned[i].ended);
          planned[i].is_cancelled = true;
        }
      }
      scheduler.step();
    }
    if (watch) watch(nullptr);
    for (Planned& p : planned) compare(p);
    EXPECT_TRUE(memory.reclaim(memory.pool().pages())) << "pages are lost";
    count(seen, planned, scheduler.statistics());
  }

  /// Gets the memory of a schedule while it runs, and null after it.
  std::function<void(const engine::Memory*)> watch;

 private:
  struct Planned {
    Request request;
    Outcome alone, got;
    int arrival = 0, cancelled_at = -1;
    bool ended = false, is_cancelled = false;
  };

  int below(int n) { return static_cast<int>(random_() % static_cast<uint32_t>(n)); }
  int context() const { return state_->plan.limits.context; }
  int32_t token() { return 3 + below(state_->plan.vocab() - 3); }

  /// Often hardly more than one sequence of full length needs.
  int pages() {
    const int min = plan::pages_for(context()), max = state_->program->states().pages();
    return below(4) ? min + below(2) : min + below(max - min + 1);
  }

  void make_beginnings() {
    beginnings_.assign(3, {});
    for (std::vector<int32_t>& b : beginnings_)
      for (int i = 0; i < context(); i++) b.push_back(token());
  }

  std::vector<int32_t> prompt() {
    const std::vector<int32_t>& beginning = beginnings_[below(3)];
    std::vector<int32_t> tokens(beginning.begin(), beginning.begin() + below(below(2) ? context() - 30 : 60));
    for (int i = below(20); i >= 0; i--) tokens.push_back(token());
    return tokens;
  }

  Request request() {
    Request r;
    r.prompt = prompt();
    r.max_tokens = below(4) ? below(context()) : -1;
    r.priority = below(3) - 1;
    r.logprobs = below(5) - 1;
    r.sampling.seed = random_();
    if (below(3) == 0) r.sampling.temperature = 0;
    if (below(4) == 0) r.sampling.repeat_penalty = 1.3f, r.sampling.dry_multiplier = 0.8f;
    if (below(5) == 0) r.sampling.mirostat = 2;
    if (below(3) == 0) {
      r.context_shift = true;
      r.max_tokens = 20 + below(context());
      const int max = std::min(static_cast<int>(r.prompt.size()), context() - 2);
      r.keep = below(4) ? below(max + 1) : 0;
    }
    if (below(5) == 0) r.grammar = grammar_;
    if (below(4) == 0) r.stop = {"a", "\x01", "bc"};
    return r;
  }

  static bool same(float a, float b) { return std::bit_cast<uint32_t>(a) == std::bit_cast<uint32_t>(b); }
  static void expect_same(std::span<const float> got, std::span<const float> expected) {
    const auto [a, b] = std::ranges::mismatch(got, expected, same);
    EXPECT_TRUE(a == got.end() && b == expected.end())
        << "number " << a - got.begin() << " of " << got.size()
        << " log-probabilities: " << (a != got.end() && b != expected.end() ? *a - *b : NAN)
        << " more than the same alone";
  }

  void compare(Planned& p) const {
    EXPECT_TRUE(p.ended) << "on_end did not come";
    if (!p.is_cancelled) {
      EXPECT_EQ(p.got.error, p.alone.error);
      EXPECT_EQ(p.got.tokens, p.alone.tokens);
      expect_same(p.got.logprobs, p.alone.logprobs);
      EXPECT_TRUE(p.got == p.alone) << "prompt of " << p.request.prompt.size() << ", reasons " << int(p.got.reason)
                                    << " and " << int(p.alone.reason) << ", steps " << p.got.steps << " and "
                                    << p.alone.steps << ", '" << p.got.text << "' and '" << p.alone.text << "'";
      return;
    }
    EXPECT_EQ(p.got.reason, StopReason::interrupted);
    ASSERT_LE(p.got.tokens.size(), p.alone.tokens.size());
    EXPECT_TRUE(std::equal(p.got.tokens.begin(), p.got.tokens.end(), p.alone.tokens.begin()));
    EXPECT_TRUE(std::equal(p.got.logprobs.begin(), p.got.logprobs.end(), p.alone.logprobs.begin(), same));
  }

  static void count(Seen& seen, const std::vector<Planned>& planned, const EngineStatistics& s) {
    for (const Planned& p : planned) seen.requests++, seen.cancelled += p.is_cancelled, seen.shifts += p.got.shifts;
    seen.preemptions += s.preemptions, seen.prefix_tokens += s.prefix_tokens, seen.steps += s.steps,
        seen.rows += s.rows;
    EXPECT_EQ(s.finished, planned.size());
    EXPECT_EQ(s.queued + s.running, 0);
  }

  std::shared_ptr<Model::State> state_;
  std::mt19937 random_;
  std::vector<std::vector<int32_t>> beginnings_;  // of prompts
  Grammar grammar_ = Grammar::from_gbnf("root ::= [a-e]+ \".\"");
};

}  // namespace ingot::tests
