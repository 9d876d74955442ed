#include "backends/cpu/pool.h"

#include <algorithm>
#include <chrono>
#include <system_error>

#include "backends/cpu/machine.h"
#include "ingot/error.h"

namespace ingot::cpu {

namespace {

inline void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// About 20 µs: longer than most waits within a token. Then the core is yielded, for up to a millisecond or so: waking a
// thread takes longer than most of the waits that are left, and makes every later one longer. A yield that returns late
// shows that other processes compute on this core: for the next few tokens no wait yields.
constexpr int spins = 1000, yields = 1000, sleeps_once_late = 1000;
constexpr std::chrono::microseconds late(100);

}  // namespace

Pool::Pool(int threads) : count_(std::max(1, threads)), crowded_(count_ > usable_cores()), own_(new Own[count_]) {
  try {
    for (int i = 1; i < count_; i++) threads_.emplace_back([this, i] { serve(i); });
  } catch (const std::system_error&) {
    size_t started = threads_.size() + 1;
    stop();
    throw Error("cpu", "cannot create worker threads", std::to_string(started), std::to_string(count_),
                "ask for fewer threads");
  }
}

Pool::~Pool() { stop(); }

void Pool::stop() {
  stop_ = true;
  start_.fetch_add(1, std::memory_order_release);
  start_.notify_all();
  for (std::thread& t : threads_) t.join();
}

void Pool::wait(const std::atomic<uint32_t>& word, uint32_t old, Own& own) const {
  for (int i = 0; i < (crowded_ ? 0 : spins); i++) {
    if (word.load(std::memory_order_acquire) != old) return;
    relax();
  }
  for (int i = 0; i < yields && own.sleeps == 0; i++) {
    if (word.load(std::memory_order_acquire) != old) return;
    const auto yielded = std::chrono::steady_clock::now();
    std::this_thread::yield();
    if (std::chrono::steady_clock::now() - yielded > late) own.sleeps = sleeps_once_late;
  }
  own.sleeps = std::max(0, own.sleeps - 1);
  word.wait(old, std::memory_order_acquire);
}

void Worker::barrier() {
  if (count == 1) return;
  uint32_t phase = pool->phase_.load(std::memory_order_acquire);
  if (pool->arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == count) {
    pool->arrived_.store(0, std::memory_order_relaxed);
    pool->phase_.fetch_add(1, std::memory_order_release);
    pool->phase_.notify_all();
  } else {
    pool->wait(pool->phase_, phase, pool->own_[index]);
  }
}

void Pool::run_erased(Call call, void* object) {
  Worker me{0, count_, this};
  if (count_ > 1) {
    call_ = call;
    object_ = object;
    start_.fetch_add(1, std::memory_order_release);
    start_.notify_all();
  }
  call(object, me);
  me.barrier();  // nobody is still inside `object` when this returns
}

void Pool::serve(int index) {
  uint32_t seen = 0;
  for (;;) {
    wait(start_, seen, own_[index]);
    seen++;
    if (stop_) return;
    Worker me{index, count_, this};
    call_(object_, me);
    me.barrier();
  }
}

}  // namespace ingot::cpu
