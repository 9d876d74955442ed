#include "bench_streams.h"

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <utility>

#include "ingot/engine.h"

namespace ingot::apps {

std::vector<int32_t> random_tokens(int n, int vocab) {
  std::vector<int32_t> ids(n);
  uint64_t state = 42;
  for (int32_t& id : ids) {
    state = state * 6364136223846793005u + 1442695040888963407u;  // Knuth's MMIX generator
    id = static_cast<int32_t>((state >> 33) % vocab);
  }
  return ids;
}

namespace {

/// Watches the answers of one run of many streams, on the engine's thread.
class StreamClock {
 public:
  StreamClock(int streams, int tokens) : streams_(streams), left_(tokens) {}
  /// The stream that begins last marks both ends: between its first token and its n-th after that lie n runs of the
  /// plan with all streams.
  void token(int stream, bool first) {
    std::lock_guard lock(mutex_);
    if (first && ++begun_ == streams_)
      start_ = Clock::now(), last_ = stream;
    else if (stream == last_ && left_ > 0 && --left_ == 0)
      finish();
  }
  void end() {
    std::lock_guard lock(mutex_);
    if (++ended_ == streams_) finish();
  }
  void wait() {
    std::unique_lock lock(mutex_);
    done_.wait(lock, [&] { return finished_; });
  }
  double seconds() const { return std::chrono::duration<double>(finish_ - start_).count(); }
  double seconds_since(std::chrono::steady_clock::time_point begin) const {
    return std::chrono::duration<double>(finish_ - begin).count();
  }

 private:
  using Clock = std::chrono::steady_clock;
  void finish() {
    if (std::exchange(finished_, true)) return;
    finish_ = Clock::now();
    done_.notify_one();
  }
  const int streams_;
  int left_, last_ = -1, begun_ = 0, ended_ = 0;
  bool finished_ = false;
  Clock::time_point start_, finish_;
  std::mutex mutex_;
  std::condition_variable done_;
};

}  // namespace

double stream_rate(const Model& model, int streams, int n_prompt, int n_answer) {
  Engine engine(model, {.max_running = streams, .max_queue = streams, .prefix_cache = false, .max_slowdown = 0});
  StreamClock clock(streams, n_answer);
  std::vector<Engine::Id> ids;
  std::vector<int32_t> tokens = random_tokens(streams * n_prompt, model.info().vocab);
  auto begin = std::chrono::steady_clock::now();
  for (int s = 0; s < streams; s++) {
    Request request;
    request.prompt.assign(tokens.begin() + s * n_prompt, tokens.begin() + (s + 1) * n_prompt);
    request.sampling.temperature = 0, request.sampling.ignore_end = true;
    request.max_tokens = n_answer == 0 ? 1 : -1;
    request.on_token = [&clock, s, first = true](const ChosenToken&) mutable {
      clock.token(s, std::exchange(first, false));
    };
    request.on_end = [&clock](const Completion&) { clock.end(); };
    ids.push_back(engine.submit(std::move(request)));
  }
  clock.wait();
  for (Engine::Id id : ids) engine.cancel(id);
  return n_answer == 0 ? streams * n_prompt / clock.seconds_since(begin) : double(streams) * n_answer / clock.seconds();
}

}  // namespace ingot::apps
