// The public Engine: a scheduler and the thread that steps it. Other threads put their requests into a list; only its
// thread touches the scheduler.
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

#include "engine/load.h"
#include "engine/scheduler.h"
#include "ingot/engine.h"

namespace ingot {

struct Engine::State {
  State(std::shared_ptr<Model::State> m, const EngineOptions& options)
      : model(std::move(m)),
        scheduler(*model, *model->memory, {.engine = options, .now = {}, .stop = [this] { return stopping.load(); }}),
        thread([this] { loop(); }) {}
  ~State() {
    {
      std::lock_guard lock(mutex);
      stopping = true;
    }
    wake.notify_one();
    thread.join();
  }

  Id submit(Request request) {
    std::unique_ptr<engine::Job> job = scheduler.prepare(next_id++, std::move(request));
    const Id id = job->id();
    {
      std::lock_guard lock(mutex);
      if (stopping) throw Error("engine", "the engine is shutting down");
      scheduler.check_queue(scheduler.statistics().queued + static_cast<int>(arrived.size()));
      arrived.push_back(std::move(job));
    }
    wake.notify_one();
    return id;
  }

  void cancel(Id id) {
    {
      std::lock_guard lock(mutex);
      cancelled.push_back(id);
    }
    wake.notify_one();
  }

  EngineStatistics statistics() const {
    std::lock_guard lock(mutex);
    EngineStatistics s = scheduler.statistics();
    s.queued += static_cast<int>(arrived.size());
    s.submitted += arrived.size();
    return s;
  }

  void loop() {
    while (receive()) {
      try {
        scheduler.step();
      } catch (...) { scheduler.fail_all(engine::current_error()); }
    }
    scheduler.cancel_all();
  }

  /// Waits for work, and takes what other threads have left. False: the engine ends.
  bool receive() {
    std::vector<Id> to_cancel;
    bool goes_on = false;
    {
      std::unique_lock lock(mutex);
      wake.wait(lock, [this] { return stopping || !arrived.empty() || !cancelled.empty() || scheduler.has_work(); });
      for (std::unique_ptr<engine::Job>& job : arrived) scheduler.submit(std::move(job));
      arrived.clear();
      to_cancel.swap(cancelled);
      goes_on = !stopping;
    }
    for (Id id : to_cancel) scheduler.cancel(id);
    return goes_on;
  }

  std::shared_ptr<Model::State> model;
  std::atomic<bool> stopping = false;
  std::atomic<Id> next_id = 1;
  engine::Scheduler scheduler;
  mutable std::mutex mutex;
  std::condition_variable wake;
  std::vector<std::unique_ptr<engine::Job>> arrived;  // guarded by mutex, like what follows
  std::vector<Id> cancelled;
  std::thread thread;  // last: it uses all of the above
};

Engine::Engine(const Model& model, const EngineOptions& options)
    : state_(std::make_unique<State>(model.state_, options)) {}
Engine::~Engine() = default;
Engine::Id Engine::submit(Request request) { return state_->submit(std::move(request)); }
void Engine::cancel(Id id) { state_->cancel(id); }
EngineStatistics Engine::statistics() const { return state_->statistics(); }

}  // namespace ingot
