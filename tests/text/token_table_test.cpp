// Tables of tokens and merges, for vocabularies whose maker knew the hash functions that the table does not use.
#include "text/token_table.h"

#include <gtest/gtest.h>

#include <cstring>
#include <functional>

#include "ingot/error.h"

namespace ingot::text {
namespace {

TEST(TokenTable, FindsWhatIsThere) {
  const std::vector<std::string> tokens = {"a", "", "ab", "", "b"};
  const TokenTable table(tokens);
  for (int32_t id : {0, 2, 4}) EXPECT_EQ(table.find(tokens[static_cast<size_t>(id)]), id);
  for (const char* other : {"", "c", "abc"}) EXPECT_EQ(table.find(other), -1);
  EXPECT_THROW(TokenTable({"a", "b", "a"}), Error);
}

/// Eight bytes whose hash is `hash` where std::hash is libstdc++'s (MurmurHash64A by Appleby, with a fixed seed): every
/// step of that function can be undone.
std::string with_hash(uint64_t hash) {
  constexpr uint64_t factor = 0xc6a4a7935bd1e995u, seed = 0xc70f6907u;
  uint64_t inverse = factor;  // of an odd number modulo 2^64, by Newton's iteration
  for (int i = 0; i < 6; i++) inverse *= 2 - factor * inverse;
  const auto unmix = [](uint64_t x) { return x ^ x >> 47; };
  hash = unmix(unmix(hash) * inverse) * inverse ^ (seed ^ 8 * factor);
  const uint64_t bytes = unmix(hash * inverse) * inverse;
  std::string token(8, '\0');
  std::memcpy(token.data(), &bytes, 8);
  return token;
}

TEST(TokenTable, ManyTokensOfOneKnownHashAreFoundAtOnce) {
  std::vector<std::string> tokens;
  for (uint64_t i = 1; i <= 50'000; i++) tokens.push_back(with_hash(i << 24));
#ifdef __GLIBCXX__
  ASSERT_EQ(std::hash<std::string>{}(tokens[6]), uint64_t{7} << 24) << "the test no longer knows std::hash";
#endif
  EXPECT_LE(TokenTable(tokens).probes(), 3 * tokens.size());
}

TEST(MergeTable, ManyPairsOfOneKnownProductAreFoundAtOnce) {
  // By a known odd factor, these fall into one slot of any table that is indexed by bits 32 and up of the product.
  constexpr uint64_t factor = 0x9E3779B97F4A7C15u;
  uint64_t inverse = factor;
  for (int i = 0; i < 6; i++) inverse *= 2 - factor * inverse;
  MergeTable multiplied(50'000), rows(50'000);
  size_t n = 0;
  for (uint64_t i = 1; n < 50'000; i++) {
    const uint64_t pair = i * inverse;
    const auto left = static_cast<int32_t>(pair >> 32), right = static_cast<int32_t>(pair & UINT32_MAX);
    if (left < 0 || right < 0) continue;
    multiplied.add(left, right, {static_cast<uint32_t>(n), 0});
    rows.add(static_cast<int32_t>(n), 7, {static_cast<uint32_t>(n), 0});
    n++;
  }
  EXPECT_LE(multiplied.probes(), 3 * n);
  EXPECT_LE(rows.probes(), 3 * n);
}

}  // namespace
}  // namespace ingot::text
