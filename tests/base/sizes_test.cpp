// Products and sums of sizes that never wrap.
#include <gtest/gtest.h>

#include "base/checked.h"

namespace ingot {
namespace {

TEST(Sizes, ProductsStopAtTheCap) {
  EXPECT_EQ(capped_product(3, int64_t{5}, uint64_t{7}), 105u);
  EXPECT_EQ(capped_product(uint64_t{1} << 31, uint64_t{1} << 30), uint64_t{1} << 61);
  EXPECT_EQ(capped_product(uint64_t{1} << 31, uint64_t{1} << 31), max_size);
  EXPECT_EQ(capped_product(uint64_t{1} << 32, uint64_t{1} << 32), max_size);  // 0 in 64 bits
  EXPECT_EQ(capped_product(UINT64_MAX, UINT64_MAX, 2), max_size);             // 2 in 64 bits
  EXPECT_EQ(capped_product(uint64_t{1} << 40, uint64_t{1} << 40, 0), 0u);
  EXPECT_EQ(capped_product(0, uint64_t{1} << 40, uint64_t{1} << 40), 0u);
  EXPECT_THROW(capped_product(3, -1), Error);
}

TEST(Sizes, SumsStopAtTheCap) {
  EXPECT_EQ(capped_sum(1, 2, uint64_t{3}), 6u);
  EXPECT_EQ(capped_sum(max_size - 1, 1), max_size);
  EXPECT_EQ(capped_sum(max_size, max_size, max_size, max_size), max_size);  // 0 in 64 bits
  EXPECT_EQ(capped_sum(UINT64_MAX, 1), max_size);
  EXPECT_EQ(capped_sum(max_size - 2, 1), max_size - 1);
  EXPECT_THROW(capped_sum(3, -1), Error);
}

}  // namespace
}  // namespace ingot
