// Threads that run one function together and wait for each other between its phases. A wait spins, then yields its
// core, then sleeps, so an idle pool uses no processor time. Where other processes want the core, it sleeps at once: a
// thread that is woken gets a core sooner than one that keeps yielding.
#pragma once
#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <type_traits>
#include <vector>

namespace ingot::cpu {

class Pool;

/// One thread's view of a run: who it is, and the barrier it shares with the others.
struct Worker {
  int index, count;
  Pool* pool;
  /// Returns when every worker of the run has arrived.
  void barrier();
  /// This worker's part of `n` things: [begin, end), in order and of equal size, independent of the others' progress.
  int64_t begin(int64_t n) const { return n * index / count; }
  int64_t end(int64_t n) const { return n * (index + 1) / count; }
  /// Calls `f(begin, end)` for pieces that together with the other workers' are [0, n): first those of this worker's
  /// own part, then what slower workers have left of theirs. A core that is shared with another process or virtual
  /// machine would otherwise hold up all. Which worker computes what differs from run to run. Pieces end at multiples
  /// of `step`, or where a part ends. Every worker calls it, with a barrier before the next call.
  template <class F> void share(int64_t n, int64_t step, F&& f);
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
  struct alignas(64) Own {  // of a worker
    /// How much of its part is taken. Two that alternate: while one is in use, the other is reset.
    std::atomic<int64_t> taken[2] = {0, 0};
    uint32_t shares = 0;  // calls of share so far
    int sleeps = 0;       // how many waits from now on do not yield
  };
  /// Waits until `word` differs from `old`.
  void wait(const std::atomic<uint32_t>& word, uint32_t old, Own& own) const;

  const int count_;
  const bool crowded_;  // more threads than cores
  const std::unique_ptr<Own[]> own_;
  Call call_ = nullptr;
  void* object_ = nullptr;
  alignas(64) std::atomic<uint32_t> start_{0};  // changes when a run begins
  alignas(64) std::atomic<uint32_t> phase_{0};  // changes when all workers have reached a barrier
  alignas(64) std::atomic<int> arrived_{0};
  std::atomic<bool> stop_{false};
  std::vector<std::thread> threads_;
};

template <class F> void Worker::share(int64_t n, int64_t step, F&& f) {
  const uint32_t use = pool->own_[index].shares++ % 2;
  for (int i = 0; i < count; i++) {
    const int owner = (index + i) % count;
    const int64_t begin = n * owner / count, end = n * (owner + 1) / count;
    std::atomic<int64_t>& taken = pool->own_[owner].taken[use];
    int64_t before = taken.load(std::memory_order_relaxed);
    while (begin + before < end) {
      const int64_t from = begin + before, quarter = (end - from) / 4;
      const int64_t to = std::min((from + quarter) / step * step + step, end);
      if (!taken.compare_exchange_weak(before, to - begin, std::memory_order_relaxed)) continue;
      f(from, to);
      before = taken.load(std::memory_order_relaxed);
    }
  }
  // All have left the call before this one, whose counters these are.
  pool->own_[index].taken[1 - use].store(0, std::memory_order_relaxed);
}

}  // namespace ingot::cpu
