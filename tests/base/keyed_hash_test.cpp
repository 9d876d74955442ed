// Which strings and numbers collide depends on a key that nobody knows before the process runs.
#include "base/keyed_hash.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bitset>
#include <random>
#include <vector>

namespace ingot {
namespace {

TEST(KeyedHash, EveryKeyIsAnother) {
  const HashKey a = HashKey::drawn(), b = HashKey::drawn();
  EXPECT_TRUE(a.seed != b.seed && a.mask != b.mask && a.factor != b.factor);
  EXPECT_EQ(a.factor & b.factor & 1, 1u);
}

TEST(KeyedHash, IsAFunction) {
  EXPECT_EQ(keyed_hash("abc"), keyed_hash(std::string("abcd").substr(0, 3)));
  EXPECT_EQ(keyed_hash(uint64_t{7}), keyed_hash(uint64_t{7}));
  EXPECT_EQ(KeyedHash{}(7), keyed_hash(uint64_t{7}));
  EXPECT_EQ(KeyedHash{}(std::bitset<256>(5)), KeyedHash{}(std::bitset<256>(5)));
  EXPECT_NE(KeyedHash{}(std::bitset<256>(5)), KeyedHash{}(std::bitset<256>(6)));
}

// Numbers that fall into one bucket of a table when it takes them as they are, or by their low bits alone.
TEST(KeyedHash, NumbersSpread) {
  for (const int shift : {0, 8, 16, 32, 48}) {
    std::vector<int> buckets(4096);
    for (uint64_t i = 0; i < 4096; i++) buckets[keyed_hash(i << shift) % buckets.size()]++;
    EXPECT_LT(*std::max_element(buckets.begin(), buckets.end()), 64) << shift;
  }
}

// Numbers at equal distances, under many keys, in a table with linear probing that is at most half full.
TEST(KeyedHash, SequencesFillNoLongRuns) {
  std::mt19937_64 random(1);
  constexpr size_t n = 10'000, n_slots = 32'768;
  for (int round = 0; round < 500; round++) {
    const HashKey key{random(), random(), random() | 1, random() | 1};
    for (const uint64_t distance : {uint64_t{1}, uint64_t{1} << 32, uint64_t{3} << 20, random()}) {
      std::vector<bool> taken(n_slots);
      size_t probes = 0;
      for (uint64_t i = 0; i < n; i++) {
        size_t at = keyed_hash(i * distance + 7, key) % n_slots;
        for (probes++; taken[at]; at = (at + 1) % n_slots) probes++;
        taken[at] = true;
      }
      ASSERT_LT(probes, 2 * n) << "distance " << distance << ", round " << round;
    }
  }
}

}  // namespace
}  // namespace ingot
