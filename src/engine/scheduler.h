// Many requests on one program, a step at a time: which run, with how many tokens, and which wait. It has no thread
// (Engine has one), reads no clock but the one it is given, and its results depend on neither.
//
//   submitted -> queued -> running -> ended
//                  ^---------'  preempted: its pages went to a request that is before it
//
// A step has a row for each running answer, then rows of prompts, as many as RowBudget allows. Order: higher priority
// first, then earlier begin.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "engine/job.h"
#include "engine/load.h"
#include "engine/memory.h"
#include "engine/row_budget.h"
#include "ingot/engine.h"
#include "plan/backend.h"

namespace ingot::engine {

struct SchedulerOptions {
  EngineOptions engine;
  std::function<double()> now = {};  ///< seconds since any fixed time; empty: a steady clock
  std::function<bool()> stop = {};   ///< polled during runs: true leaves one unfinished, and `step` does nothing
};

/// Callbacks of requests must not call it. Not safe to share between threads, except where noted.
class Scheduler {
 public:
  /// `memory`: of the model's program. Both must outlive it. Errors: an option out of its range.
  Scheduler(const Model::State& model, Memory& memory, SchedulerOptions options);
  /// The request as `submit` takes it; from any thread. Errors: a request that could not be run even alone.
  std::unique_ptr<Job> prepare(uint64_t id, Request request) const;
  /// Errors: if `waiting` requests are more than may wait.
  void check_queue(int waiting) const;
  /// Queues it. No callback is called.
  void submit(std::unique_ptr<Job> job);
  /// Ends a request and frees its memory. Unknown ids are ignored.
  void cancel(uint64_t id);
  void cancel_all();
  /// Ends all with that error.
  void fail_all(const Error& error);
  bool has_work() const { return !queue_.empty() || !running_.empty(); }
  /// Starts what can start, and runs the program once if there is something to run. Errors become those of the requests
  /// concerned.
  void step();
  /// From any thread.
  EngineStatistics statistics() const;

 private:
  using Order = std::pair<int64_t, uint64_t>;  // lower is first: −priority, and when it came or began
  /// A job's part of a step.
  struct Part {
    Job* job;
    int count;
    bool output;  // a token is to be chosen
  };
  using Jobs = std::map<Order, std::unique_ptr<Job>>;

  void begin_queued();
  void collect_parts();
  void add_part(Job& job, int count);
  bool reserve(Job& job, int count);
  void preempt(Jobs::iterator victim);
  bool run_parts();
  bool choices_are_allowed() const;
  bool run_batch(const plan::Batch& batch);
  void hand_out();
  void end(Jobs& jobs, Jobs::iterator job, const std::optional<Error>& error);
  void end(Job& job, const std::optional<Error>& error);
  template <class Change> void count(Change change);

  plan::Program& program_;
  plan::Limits limits_;
  Memory& memory_;
  ModelFacts facts_;
  SchedulerOptions options_;
  plan::Watch watch_;
  RowBudget budget_;
  Jobs queue_, running_;
  uint64_t arrivals_ = 0, beginnings_ = 0;
  // of the step
  std::vector<Part> parts_;
  std::vector<int32_t> tokens_;
  std::vector<plan::Sequence> sequences_;
  std::vector<float> logits_;          // (outputs, vocab)
  std::vector<plan::Choice> choices_;  // (outputs); empty: there are logits
  mutable std::mutex counts_mutex_;
  EngineStatistics counts_;
};

}  // namespace ingot::engine
