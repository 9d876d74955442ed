#include "engine/page_pool.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>
#include <thread>

namespace ingot::engine {
namespace {

using Pages = std::vector<int32_t>;

TEST(PagePool, HandsOutTheLowestFreePages) {
  PagePool pool(6);
  Pages a, b;
  ASSERT_TRUE(pool.take(4, a));
  EXPECT_EQ(a, (Pages{0, 1, 2, 3}));
  pool.release(Pages{2, 0});
  EXPECT_EQ(pool.free_pages(), 4);
  ASSERT_TRUE(pool.take(3, b));
  EXPECT_EQ(b, (Pages{0, 2, 4}));
}

TEST(PagePool, TakesAllOrNone) {
  PagePool pool(3);
  Pages pages = {99};
  EXPECT_FALSE(pool.take(4, pages));
  EXPECT_EQ(pages, Pages{99});
  EXPECT_EQ(pool.free_pages(), 3);
  EXPECT_TRUE(pool.take(0, pages));
  EXPECT_TRUE(pool.take(3, pages));
  EXPECT_FALSE(pool.take(1, pages));
  EXPECT_EQ(pages, (Pages{99, 0, 1, 2}));
}

TEST(PagePool, APageIsFreeWhenItsLastUserIsGone) {
  PagePool pool(2);
  Pages pages;
  ASSERT_TRUE(pool.take(1, pages));
  pool.share(pages);
  EXPECT_EQ(pool.users(0), 2);
  pool.release(pages);
  EXPECT_EQ(pool.users(0), 1);
  EXPECT_EQ(pool.free_pages(), 1);
  pool.release(pages);
  EXPECT_EQ(pool.users(0), 0);
  EXPECT_EQ(pool.free_pages(), 2);
}

TEST(PagePool, ThreadsNeverHoldTheSamePage) {
  constexpr int n_threads = 4, n_pages = 16, rounds = 2000;
  PagePool pool(n_pages);
  std::vector<int> owner(n_pages, -1);  // written by whoever holds the page: a race where two do
  std::atomic<int> wrong = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < n_threads; t++)
    threads.emplace_back([&, t] {
      std::mt19937 random(static_cast<uint32_t>(t));
      for (int round = 0; round < rounds; round++) {
        Pages pages;
        if (!pool.take(1 + static_cast<int>(random() % 4), pages)) continue;
        for (int32_t p : pages) owner[p] = t;
        for (int32_t p : pages) wrong += owner[p] != t;
        pool.release(pages);
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(pool.free_pages(), n_pages);
}

}  // namespace
}  // namespace ingot::engine
