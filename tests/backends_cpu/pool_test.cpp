#include "backends/cpu/pool.h"

#include <gtest/gtest.h>

namespace ingot::cpu {
namespace {

TEST(Pool, EveryThingIsSharedOutOnce) {
  for (int threads : {1, 2, 3, 5}) {
    Pool pool(threads);
    for (int64_t n : {0, 1, 2, 7, 64, 1001})
      for (int64_t step : {1, 4, 64}) {
        // Three times in a run: the counters of the first are those of the third.
        std::vector<std::atomic<int>> seen(static_cast<size_t>(n) * 3);
        pool.run([&](Worker& worker) {
          for (int time = 0; time < 3; time++) {
            worker.share(n, step, [&](int64_t begin, int64_t end) {
              EXPECT_LT(begin, end);
              for (int64_t i = begin; i < end; i++) seen[static_cast<size_t>(time * n + i)]++;
            });
            worker.barrier();
          }
        });
        for (const std::atomic<int>& times : seen) ASSERT_EQ(times, 1) << threads << " threads, " << n << " things";
      }
  }
}

TEST(Pool, OthersTakeWhatASlowWorkerHasLeft) {
  Pool pool(3);
  constexpr int64_t n = 300;
  std::atomic<int64_t> done = 0, first_piece = n;
  pool.run([&](Worker& worker) {
    worker.share(n, 1, [&](int64_t begin, int64_t end) {
      if (begin == 0) {  // until everything else is done, or nobody does it
        first_piece = end;
        for (int patience = 20'000'000; done < n - end && patience > 0; patience--) std::this_thread::yield();
        EXPECT_EQ(done, n - end);
      }
      done += end - begin;
    });
  });
  EXPECT_LT(first_piece, n / 3);
  EXPECT_EQ(done, n);
}

}  // namespace
}  // namespace ingot::cpu
