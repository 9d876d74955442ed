// Threads that run one function together and wait for each other between its phases. A wait spins briefly and then
// sleeps, so an idle pool uses no processor time. Where threads outnumber the cores that this process may use, they
// sleep at once: whom they wait for may need the core.
#pragma once
#include <atomic>
#include <cstdint>
#include <type_traits>
#include <thread>
#include <vector>

namespace ingot::cpu {

class Pool;

/// One thread's view of a run: who it is, and the barrier it shares with the others.
struct Worker {
  int index, count;
  Pool* pool;
  /// Returns when every worker of the run has arrived.
  void barrier();
  /// This worker's part of `n` things: [begin, end), in order and of equal size, whatever the others do.
  int64_t begin(int64_t n) const { return n * index / count; }
  int64_t end(int64_t n) const { return n * (index + 1) / count; }
};

class Pool {
 public:
  /// `threads` ≥ 1, the calling thread included. Errors: the system starts no more threads.
  explicit Pool(int threads);
  ~Pool();
  int threads() const { return count_; }

  /// Calls `f(worker)` on every thread and returns when all have finished. `f` must not throw. Allocates nothing.
  template <class F> void run(F&& f) {
    run_erased([](void* object, Worker& worker) { (*static_cast<std::remove_reference_t<F>*>(object))(worker); }, &f);
  }

 private:
  friend struct Worker;
  using Call = void (*)(void* object, Worker& worker);
  void run_erased(Call call, void* object);
  void serve(int index);
  void stop();
  /// Waits until `word` differs from `old`.
  void wait(const std::atomic<uint32_t>& word, uint32_t old) const;

  const int count_;
  const bool crowded_;  // more threads than cores
  Call call_ = nullptr;
  void* object_ = nullptr;
  alignas(64) std::atomic<uint32_t> start_{0};  // changes when a run begins
  alignas(64) std::atomic<uint32_t> phase_{0};  // changes when all workers have reached a barrier
  alignas(64) std::atomic<int> arrived_{0};
  std::atomic<bool> stop_{false};
  std::vector<std::thread> threads_;
};

}  // namespace ingot::cpu
