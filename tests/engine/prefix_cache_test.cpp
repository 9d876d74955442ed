#include "engine/prefix_cache.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

namespace ingot::engine {
namespace {

using Pages = std::vector<int32_t>;
using Tokens = std::vector<int32_t>;
constexpr int page = plan::page_positions;

class PrefixCacheTest : public testing::Test {
 protected:
  /// Pages of a text that was run and is gone, but for what the cache keeps of it.
  Pages keep(const Tokens& tokens) {
    Pages pages;
    EXPECT_TRUE(pool.take(plan::pages_for(static_cast<int64_t>(tokens.size())), pages));
    cache.add(tokens, pages);
    pool.release(pages);
    return pages;
  }
  Pages find(const Tokens& tokens) {
    Pages pages = cache.find(tokens);
    pool.release(pages);
    return pages;
  }
  static Tokens text(int n, int32_t first = 0) {
    Tokens tokens;
    for (int i = 0; i < n; i++) tokens.push_back(first + i);
    return tokens;
  }
  PagePool pool{64};
  PrefixCache cache{pool};
};

TEST_F(PrefixCacheTest, FindsTheLongestRunOfFullPages) {
  const Tokens kept = text(3 * page + 10);
  const Pages pages = keep(kept);
  EXPECT_EQ(cache.pages(), 3);
  EXPECT_EQ(pool.free_pages(), 64 - 3) << "the page that was not full is free";
  EXPECT_EQ(find(kept), Pages(pages.begin(), pages.begin() + 3));
  EXPECT_EQ(find(text(3 * page + 1)), Pages(pages.begin(), pages.begin() + 3));
  EXPECT_EQ(find(text(3 * page)), Pages(pages.begin(), pages.begin() + 2)) << "one token at least is left to run";
  EXPECT_EQ(find(text(page)), Pages());
  EXPECT_EQ(find({}), Pages());
  Tokens longer = kept;
  longer.resize(500, 7);
  EXPECT_EQ(find(longer), Pages(pages.begin(), pages.begin() + 3));
}

TEST_F(PrefixCacheTest, EveryTokenCounts) {
  const Tokens kept = text(2 * page);
  keep(kept);
  for (int i = 0; i < 2 * page; i++) {
    Tokens other = kept;
    other.push_back(0), other[i] ^= 1 << i % 20;
    EXPECT_EQ(find(other).size(), i < page ? 0u : 1u) << i;
  }
}

TEST_F(PrefixCacheTest, TheSamePageAfterAnotherOneIsAnother) {
  Tokens a = text(page, 1000), b = text(page, 2000);
  const Tokens end = text(page);
  a.insert(a.end(), end.begin(), end.end()), b.insert(b.end(), end.begin(), end.end());
  const Pages of_a = keep(a), of_b = keep(b);
  EXPECT_EQ(cache.pages(), 4);
  a.push_back(1), b.push_back(1);
  EXPECT_EQ(find(a), of_a);
  EXPECT_EQ(find(b), of_b);
}

TEST_F(PrefixCacheTest, WhatIsThereStays) {
  const Pages first = keep(text(2 * page));
  keep(text(3 * page));  // run anew: its first two pages are not needed
  EXPECT_EQ(cache.pages(), 3);
  EXPECT_EQ(pool.free_pages(), 61);
  const Pages found = find(text(3 * page + 1));
  EXPECT_TRUE(std::equal(first.begin(), first.end(), found.begin()));
}

TEST_F(PrefixCacheTest, WhatWasUsedLastGoesLast) {
  Tokens a = text(2 * page, 1000), b = text(2 * page, 2000), c = text(page, 3000);
  keep(a), keep(b), keep(c);
  for (Tokens* t : {&a, &b, &c}) t->push_back(0);
  find(a), find(c);
  ASSERT_TRUE(cache.drop_one());
  EXPECT_EQ(find(b).size(), 1u) << "its end goes before its beginning";
  find(a), find(c);
  ASSERT_TRUE(cache.drop_one());
  EXPECT_EQ(find(b).size(), 0u);
  find(c), find(a);
  ASSERT_TRUE(cache.drop_one());
  EXPECT_EQ(find(c).size(), 0u);
  EXPECT_EQ(find(a).size(), 2u);
  EXPECT_TRUE(cache.drop_one() && cache.drop_one());
  EXPECT_FALSE(cache.drop_one());
  EXPECT_EQ(pool.free_pages(), 64);
}

TEST_F(PrefixCacheTest, PagesInUseAreNotDropped) {
  Tokens a = text(2 * page, 1000), b = text(page, 2000);
  keep(a), keep(b);
  a.push_back(0), b.push_back(0);
  const Pages used = cache.find(a);
  find(b);
  ASSERT_TRUE(cache.drop_one());
  EXPECT_EQ(find(b).size(), 0u) << "used later than the other, but by nobody now";
  EXPECT_FALSE(cache.drop_one());
  pool.release(used);
  EXPECT_TRUE(cache.drop_one());
}

TEST_F(PrefixCacheTest, ClearingGivesAllUp) {
  Tokens a = text(2 * page);
  keep(a);
  a.push_back(0);
  const Pages used = cache.find(a);
  EXPECT_TRUE(cache.clear());
  EXPECT_FALSE(cache.clear());
  EXPECT_EQ(cache.pages(), 0);
  EXPECT_EQ(pool.users(used[0]), 1);
  pool.release(used);
  EXPECT_EQ(pool.free_pages(), 64);
  EXPECT_EQ(find(a).size(), 0u);
  keep(a);
  EXPECT_EQ(find(a).size(), 2u);
}

// Beside a map of whole prefixes, with texts of few letters so that many begin alike.
TEST_F(PrefixCacheTest, IsAsAMapOfPrefixes) {
  std::mt19937 random(5);
  std::map<Tokens, int32_t> plain;  // the page at the end of each prefix that is kept
  for (int round = 0; round < 3000; round++) {
    Tokens tokens;
    for (int i = static_cast<int>(random() % 5); i >= 0; i--)
      tokens.insert(tokens.end(), i ? page : random() % page, static_cast<int32_t>(random() % 2));
    const auto beginning = [&](size_t pages) {
      return Tokens(tokens.begin(), tokens.begin() + static_cast<int64_t>(pages * page));
    };
    const Pages found = cache.find(tokens);
    Pages expected;
    while ((expected.size() + 1) * page < tokens.size() && plain.contains(beginning(expected.size() + 1)))
      expected.push_back(plain[beginning(expected.size() + 1)]);
    ASSERT_EQ(found, expected);
    Pages pages = found;
    while (!pool.take(plan::pages_for(static_cast<int64_t>(tokens.size())) - static_cast<int>(found.size()), pages)) {
      const int before = pool.free_pages();
      ASSERT_TRUE(cache.drop_one());
      ASSERT_EQ(pool.free_pages(), before + 1);
      std::erase_if(plain, [&](const auto& entry) { return pool.users(entry.second) == 0; });
    }
    cache.add(tokens, pages);
    for (size_t i = 0; (i + 1) * page <= tokens.size(); i++) plain.try_emplace(beginning(i + 1), pages[i]);
    pool.release(pages);
    ASSERT_EQ(cache.pages(), static_cast<int>(plain.size()));
    ASSERT_EQ(pool.free_pages(), 64 - cache.pages());
  }
}

}  // namespace
}  // namespace ingot::engine
