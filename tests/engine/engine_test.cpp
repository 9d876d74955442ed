// The engine's thread: requests from several threads at once, from callbacks, cancelled at any time, and an end amidst
// all of it.
#include "ingot/engine.h"

#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "engine/fake_program.h"
#include "engine/schedules.h"

namespace ingot::tests {
namespace {

/// Counts down to nothing left.
class Latch {
 public:
  explicit Latch(int n) : left_(n) {}
  void count_down() {
    std::lock_guard lock(mutex_);
    if (--left_ == 0) done_.notify_all();
  }
  void wait() {
    std::unique_lock lock(mutex_);
    done_.wait(lock, [this] { return left_ <= 0; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable done_;
  int left_;
};

plan::Limits limits() {
  return {.context = 256, .max_rows = 64, .max_outputs = 8, .state_format = nullptr, .state_bytes = 0};
}

Request request(int i) {
  Request r;
  for (int k = 0; k < 20 + i % 7 * 15; k++) r.prompt.push_back(3 + (k * 7 + i % 5) % 250);
  r.max_tokens = 10 + i % 4 * 10;
  r.logprobs = i % 3 - 1;
  r.sampling.seed = static_cast<uint64_t>(i);
  if (i % 2) r.sampling.temperature = 0;
  return r;
}

TEST(Engine, ThreadsGetWhatTheyGetAlone) {
  constexpr int n_threads = 4, each = 12;
  FakeModel fake(limits(), 12);
  std::vector<Outcome> expected;
  for (int i = 0; i < n_threads * each; i++) expected.push_back(alone(fake.model(), request(i)));
  std::vector<Outcome> got(expected.size());
  std::vector<char> ended(expected.size());
  {
    Engine engine(fake.model());
    Latch latch(n_threads * each);
    std::vector<std::thread> threads;
    for (int t = 0; t < n_threads; t++)
      threads.emplace_back([&, t] {
        for (int i = t * each; i < (t + 1) * each; i++) {
          Request r = request(i);
          Outcome& outcome = got[i];
          bool once = false;
          record(r, outcome, once);
          r.on_end = [&, i](const Completion& made) {
            take(got[i], made);
            ended[i]++;
            latch.count_down();
          };
          engine.submit(std::move(r));
          engine.statistics();
        }
      });
    for (std::thread& thread : threads) thread.join();
    latch.wait();
    const EngineStatistics s = engine.statistics();
    EXPECT_EQ(s.submitted, expected.size());
    EXPECT_EQ(s.finished, expected.size());
    EXPECT_EQ(s.queued + s.running, 0);
    EXPECT_EQ(s.pages, 12);
  }
  for (size_t i = 0; i < expected.size(); i++) {
    EXPECT_EQ(ended[i], 1) << i;
    EXPECT_EQ(got[i], expected[i]) << i;
  }
}

TEST(Engine, CallbacksMayUseIt) {
  FakeModel fake(limits(), 12);
  Latch latch(3);
  Engine engine(fake.model());
  Request first = request(1);
  std::atomic<Engine::Id> second_id = 0;
  first.sampling.ignore_end = true;
  first.on_end = [&](const Completion& made) {
    EXPECT_EQ(made.reason, StopReason::length);
    Request second = request(2);
    second.max_tokens = -1, second.context_shift = true, second.sampling.ignore_end = true;
    second.on_token = [&](const ChosenToken&) { engine.cancel(second_id); };
    second.on_end = [&](const Completion& made) {
      EXPECT_EQ(made.reason, StopReason::interrupted);
      latch.count_down();
    };
    second_id = engine.submit(std::move(second));
    engine.statistics();
    latch.count_down();
  };
  first.on_text = [&, said = false](std::string_view) mutable {
    if (!said) latch.count_down();
    said = true;
  };
  engine.submit(std::move(first));
  latch.wait();
}

TEST(Engine, ItsEndCancelsWhatRuns) {
  FakeModel fake(limits(), 12);
  std::atomic<int> interrupted = 0, refused = 0;
  {
    Latch begun(1);
    Engine engine(fake.model(), {.max_running = 2});
    std::atomic<bool> is_first = true;
    for (int i = 0; i < 6; i++) {
      Request r = request(i);
      r.max_tokens = -1, r.context_shift = true, r.sampling.ignore_end = true;
      r.on_token = [&](const ChosenToken&) {
        if (is_first.exchange(false)) begun.count_down();
      };
      r.on_end = [&](const Completion& made) {
        interrupted += made.reason == StopReason::interrupted;
        try {
          engine.submit(request(0));
        } catch (const Error&) { refused++; }
      };
      engine.submit(std::move(r));
    }
    begun.wait();
  }
  EXPECT_EQ(interrupted, 6);
  EXPECT_EQ(refused, 6);
  EXPECT_TRUE(fake.state->memory->reclaim(12));
}

TEST(Engine, ItsQueueIsBounded) {
  FakeModel fake(limits(), 12);
  Latch blocked(1), leave(1), ended(3);
  Engine engine(fake.model(), {.max_running = 1, .max_queue = 2});
  const auto with_end = [&](Request r) {
    r.on_end = [&](const Completion&) { ended.count_down(); };
    return r;
  };
  Request r = request(1);
  r.on_token = [&, first = true](const ChosenToken&) mutable {
    if (first) blocked.count_down(), leave.wait();
    first = false;
  };
  engine.submit(with_end(std::move(r)));
  blocked.wait();  // it runs, and nothing moves
  engine.submit(with_end(request(2)));
  engine.submit(with_end(request(3)));
  EXPECT_THROW(engine.submit(request(4)), Error);
  EXPECT_EQ(engine.statistics().queued, 2);
  EXPECT_EQ(engine.statistics().running, 1);
  leave.count_down();
  ended.wait();
  EXPECT_EQ(engine.statistics().submitted, 3u);
}

TEST(Engine, SessionsRunBesideIt) {
  FakeModel fake(limits(), 40);
  std::vector<Outcome> expected, got(8);
  for (int i = 0; i < 8; i++) expected.push_back(alone(fake.model(), request(i)));
  Latch latch(4);
  Engine engine(fake.model());
  for (int i = 0; i < 4; i++) {
    Request r = request(i);
    bool once = false;
    record(r, got[i], once);
    r.on_end = [&, i](const Completion& made) { take(got[i], made), latch.count_down(); };
    engine.submit(std::move(r));
  }
  for (int i = 4; i < 8; i++) got[i] = alone(fake.model(), request(i));
  latch.wait();
  EXPECT_EQ(got, expected);
}

}  // namespace
}  // namespace ingot::tests
