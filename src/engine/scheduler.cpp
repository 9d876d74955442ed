#include "engine/scheduler.h"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <iterator>

#include "base/checked.h"

namespace ingot::engine {

namespace {

double steady_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

SchedulerOptions checked(SchedulerOptions options, const plan::Limits& limits) {
  EngineOptions& o = options.engine;
  const auto demand = [](int value, const char* what, int low, int high, const char* advice) {
    if (value < low || value > high)
      throw Error("engine", fmt::format("{} is out of range", what), std::to_string(value),
                  fmt::format("{} … {}", low, high), advice);
  };
  demand(o.max_running, "max_running", 0, limits.max_outputs, "load the model with more outputs (max_outputs)");
  demand(o.max_queue, "max_queue", 0, INT32_MAX, "");
  demand(o.max_prompt, "max_prompt", 0, limits.context, "load the model with a longer context");
  if (o.max_slowdown != 0 && !(o.max_slowdown >= 1 && o.max_slowdown <= 1e6))
    throw Error("engine", "max_slowdown is out of range", fmt::format("{}", o.max_slowdown), "0, or 1 to 1000000");
  if (o.max_running == 0) o.max_running = limits.max_outputs;
  if (o.max_prompt == 0) o.max_prompt = limits.context;
  if (!options.now) options.now = steady_seconds;
  return options;
}

}  // namespace

Scheduler::Scheduler(const Model::State& model, Memory& memory, SchedulerOptions options)
    : program_(*model.program),
      limits_(model.plan.limits),
      memory_(memory),
      facts_{.tokenizer = model.tokenizer, .vocab = model.plan.vocab(), .context = limits_.context},
      options_(checked(std::move(options), limits_)),
      watch_{.step_seconds = {}, .stop = options_.stop},
      budget_(limits_.max_rows, options_.engine.max_slowdown) {}

std::unique_ptr<Job> Scheduler::prepare(uint64_t id, Request request) const {
  if (const int max = options_.engine.max_prompt; std::cmp_greater(request.prompt.size(), max))
    throw Error("engine", "the prompt is too long", fmt::format("{} tokens", request.prompt.size()),
                fmt::format("at most {}", max), "shorten it, or load the model with a longer context");
  return std::make_unique<Job>(id, std::move(request), facts_, memory_, options_.now());
}

void Scheduler::check_queue(int waiting) const {
  if (const int max = options_.engine.max_queue; waiting >= max)
    throw Error("engine", "too many requests are waiting", std::to_string(waiting), fmt::format("fewer than {}", max),
                "try again when some have ended");
}

template <class Change> void Scheduler::count(Change change) {
  std::lock_guard lock(counts_mutex_);
  change(counts_);
  counts_.queued = static_cast<int>(queue_.size()), counts_.running = static_cast<int>(running_.size());
}

EngineStatistics Scheduler::statistics() const {
  std::unique_lock lock(counts_mutex_);
  EngineStatistics s = counts_;
  lock.unlock();
  s.pages = memory_.pool().pages(), s.free_pages = memory_.pool().free_pages(), s.cached_pages = memory_.cached_pages();
  return s;
}

void Scheduler::submit(std::unique_ptr<Job> job) {
  const Order order{-int64_t{job->priority()}, job->id()};
  queue_.emplace(order, std::move(job));
  count([](EngineStatistics& c) { c.submitted++; });
}

// ---- the end of requests

void Scheduler::end(Jobs& jobs, Jobs::iterator at, const std::optional<Error>& error) {
  if (options_.engine.prefix_cache && !error) at->second->sequence().keep_prefix();
  const std::unique_ptr<Job> job = std::move(at->second);
  jobs.erase(at);
  job->sequence().truncate(0);
  count([](EngineStatistics& c) { c.finished++; });
  job->finish(error, options_.now());
}

void Scheduler::end(Job& job, const std::optional<Error>& error) {
  end(running_, std::ranges::find(running_, &job, [](const auto& entry) { return entry.second.get(); }), error);
}

void Scheduler::cancel(uint64_t id) {
  for (Jobs* jobs : {&queue_, &running_}) {
    const auto job = std::ranges::find(*jobs, id, [](const auto& entry) { return entry.second->id(); });
    if (job == jobs->end()) continue;
    job->second->cancel();
    return end(*jobs, job, std::nullopt);
  }
}

void Scheduler::cancel_all() {
  for (Jobs* jobs : {&running_, &queue_})
    while (!jobs->empty()) cancel(jobs->begin()->second->id());
}

void Scheduler::fail_all(const Error& error) {
  for (Jobs* jobs : {&running_, &queue_})
    while (!jobs->empty()) end(*jobs, jobs->begin(), error);
}

// ---- which requests run

void Scheduler::begin_queued() {
  while (!queue_.empty() && std::cmp_less(running_.size(), options_.engine.max_running)) {
    const auto first = queue_.begin();
    Job& job = *first->second;
    if (job.ended()) {  // no token was asked for
      end(queue_, first, std::nullopt);
      continue;
    }
    const bool is_new = job.cached_tokens() < 0;
    try {
      // Each running answer may soon need a page; otherwise a request that has just begun would be preempted at once.
      if (!job.begin(options_.engine.prefix_cache, static_cast<int>(running_.size()), options_.now())) {
        if (!running_.empty()) return;  // no overtaking: a long prompt would wait forever
        throw memory_.no_pages(plan::pages_for(static_cast<int64_t>(job.pending().size())));
      }
    } catch (...) {
      end(queue_, first, current_error());
      continue;
    }
    auto entry = queue_.extract(first);
    entry.key().second = beginnings_++;
    running_.insert(std::move(entry));
    count([&](EngineStatistics& c) {
      if (!is_new || !options_.engine.prefix_cache) return;
      (job.cached_tokens() > 0 ? c.prefix_hits : c.prefix_misses)++;
      c.prefix_tokens += narrow<uint64_t>(job.cached_tokens());
    });
  }
}

void Scheduler::preempt(Jobs::iterator victim) {
  Job& job = *victim->second;
  std::erase_if(parts_, [&](const Part& p) { return p.job == &job; });
  if (options_.engine.prefix_cache) job.sequence().keep_prefix();
  job.yield();
  auto entry = running_.extract(victim);
  entry.key().second = job.id();
  queue_.insert(std::move(entry));
  count([](EngineStatistics& c) { c.preemptions++; });
}

/// Reserves pages for the next `count` tokens, if need be by preempting the last job. False: the job itself was
/// preempted.
bool Scheduler::reserve(Job& job, int count) {
  while (!job.sequence().reserve(count)) {
    const auto last = std::prev(running_.end());
    const bool is_last = last->second.get() == &job;
    if (is_last && running_.size() == 1) {
      end(running_, last, memory_.no_pages(1));
      return false;
    }
    preempt(last);
    if (is_last) return false;
  }
  return true;
}

// ---- one step

void Scheduler::add_part(Job& job, int count) {
  if (!reserve(job, count)) return;
  parts_.push_back({.job = &job, .count = count, .output = std::cmp_equal(count, job.pending().size())});
}

void Scheduler::collect_parts() {
  parts_.clear();
  // Requests that were preempted are the last ones, or the only one.
  const auto each = [&](auto visit) {
    for (auto at = running_.begin(); at != running_.end();) {
      const Order order = at->first;
      visit(*at->second);
      at = running_.upper_bound(order);
    }
  };
  each([&](Job& job) {
    if (job.pending().size() == 1) add_part(job, 1);
  });
  const int answers = static_cast<int>(parts_.size());
  int rows = budget_.prompt_rows(answers);
  each([&](Job& job) {
    const int count = std::min(rows, static_cast<int>(job.pending().size()));
    if (count == 0 || job.pending().size() == 1) return;
    add_part(job, count);
    rows -= count;
  });
}

/// Runs `parts_` as one batch. False: it was stopped.
bool Scheduler::run_parts() {
  tokens_.clear(), sequences_.clear(), choices_.clear();
  bool only_argmax = true;
  size_t outputs = 0;
  for (const Part& p : parts_) {
    const auto tokens = p.job->pending().first(static_cast<size_t>(p.count));
    tokens_.insert(tokens_.end(), tokens.begin(), tokens.end());
    sequences_.push_back(p.job->sequence().next(p.count, p.output));
    outputs += p.output;
    only_argmax = only_argmax && (!p.output || p.job->needs_only_argmax());
  }
  const plan::Batch batch{tokens_, sequences_};
  if (outputs > 0 && only_argmax) {
    choices_.resize(outputs);
    if (program_.choose(batch, choices_) && choices_are_allowed()) return true;
    choices_.clear();  // running the batch again writes the same states
  }
  const size_t needed = outputs * static_cast<size_t>(facts_.vocab);
  if (logits_.size() < needed) logits_.resize(needed);
  return program_.run(batch, std::span(logits_).first(needed), watch_);
}

/// Whether every request may have the token that the device chose: one that ignores ends does not accept them.
bool Scheduler::choices_are_allowed() const {
  size_t output = 0;
  for (const Part& p : parts_)
    if (p.output && !p.job->allows(choices_[output++].id)) return false;
  return true;
}

/// Adds what was run to its sequence, and emits the chosen tokens.
void Scheduler::hand_out() {
  const auto vocab = static_cast<size_t>(facts_.vocab);
  size_t output = 0;
  for (const Part& p : parts_) {
    Job& job = *p.job;
    std::optional<Error> error;
    try {
      std::span<const float> logits;
      if (p.output && choices_.empty())
        job.sequence().check_finite(logits = std::span(logits_).subspan(output * vocab, vocab), p.count);
      if (p.output && !choices_.empty()) job.sequence().check_chosen(choices_[output], p.count);
      job.push(p.count);
      if (p.output && p.count > 1 && options_.engine.prefix_cache)
        job.sequence().keep_prefix();  // others may begin with the same tokens
      if (p.output) job.take(choices_.empty() ? job.choose(logits) : choices_[output].id, logits, options_.now());
    } catch (...) { error = current_error(); }
    output += p.output;
    if (error || job.ended()) end(job, error);
  }
}

void Scheduler::step() {
  begin_queued();
  collect_parts();
  if (parts_.empty()) return;
  const double start = options_.now();
  try {
    if (!run_parts()) return;
  } catch (...) {  // the culprit is unknown
    const Error error = current_error();
    for (const Part& p : parts_) end(*p.job, error);
    return;
  }
  int answers = 0;
  for (const Part& p : parts_) answers += p.count == 1;
  const int rows = static_cast<int>(tokens_.size());
  budget_.measured(answers, rows - answers, options_.now() - start);
  count([&](EngineStatistics& c) { c.steps++, c.rows += narrow<uint64_t>(rows); });
  hand_out();
}

}  // namespace ingot::engine
