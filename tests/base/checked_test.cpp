// Numbers from outside get a smaller type only where they stay what they are.
#include "base/checked.h"

#include <gtest/gtest.h>

namespace ingot {
namespace {

TEST(Checked, NarrowKeepsWhatFits) {
  EXPECT_EQ(narrow<int32_t>(size_t{INT32_MAX}), INT32_MAX);
  EXPECT_EQ(narrow<int32_t>(int64_t{INT32_MIN}), INT32_MIN);
  EXPECT_EQ(narrow<uint32_t>(int64_t{UINT32_MAX}), UINT32_MAX);
  EXPECT_EQ(narrow<uint64_t>(0), 0u);
}

TEST(Checked, NarrowRefusesWhatDoesNotFit) {
  EXPECT_THROW(narrow<int32_t>(size_t{INT32_MAX} + 1), Error);
  EXPECT_THROW(narrow<int32_t>(SIZE_MAX), Error);  // -1 when it is cast
  EXPECT_THROW(narrow<int32_t>(size_t{1} << 32), Error);
  EXPECT_THROW(narrow<uint32_t>(-1), Error);
  EXPECT_THROW(narrow<int8_t>(128), Error);
  try {
    narrow<int32_t>(size_t{1} << 31, "text", "the length of a word");
    FAIL();
  } catch (const Error& e) {
    EXPECT_STREQ(e.what(),
                 "[text] the length of a word is out of range; got 2147483648; expected -2147483648 to 2147483647");
  }
}

TEST(Checked, SizesNeverWrap) {
  EXPECT_EQ(checked_add(1, 2), 3u);
  EXPECT_EQ(checked_add(UINT64_MAX, 1), std::nullopt);
  EXPECT_EQ(checked_mul(uint64_t{1} << 32, uint64_t{1} << 31), uint64_t{1} << 63);
  EXPECT_EQ(checked_mul(uint64_t{1} << 32, uint64_t{1} << 32), std::nullopt);
  EXPECT_EQ(checked_align(33, 32), 64u);
  EXPECT_EQ(checked_align(UINT64_MAX, 32), std::nullopt);
}

}  // namespace
}  // namespace ingot
