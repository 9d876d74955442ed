// Every format of the registry: its facts, its number and name, its values against golden blocks decoded elsewhere, and
// its integer view against its own accessors. A format without a golden file is held to the last only, and the test
// says so.
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>

#include <bit>
#include <cmath>
#include <random>
#include <ostream>
#include <set>

#include "formats/golden.h"
#include "quant/format.h"

namespace ingot::quant {

void PrintTo(const Format& f, std::ostream* out) { *out << f.name; }  // GoogleTest's way to name a parameter

namespace {

const Format first_before_main = formats().front();

TEST(Registry, IsFilledBeforeMain) { EXPECT_STREQ(first_before_main.name, formats().front().name); }

const std::string golden_folder = INGOT_SOURCE_DIR "/tests/formats/golden";

// Bit for bit, except that a NaN equals any NaN.
bool same(float a, float b) {
  return (std::isnan(a) && std::isnan(b)) || std::bit_cast<uint32_t>(a) == std::bit_cast<uint32_t>(b);
}

std::vector<std::byte> noise(size_t n, uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<std::byte> bytes(n);
  for (std::byte& b : bytes) b = static_cast<std::byte>(random() & 255);
  return bytes;
}

std::vector<float> decoded(const Format& f, const std::vector<std::byte>& blocks) {
  std::vector<float> values(blocks.size() / f.block_bytes * f.block);
  f.decode(blocks.data(), values.data(), static_cast<int64_t>(values.size()));
  return values;
}

class EveryFormat : public testing::TestWithParam<Format> {};
INSTANTIATE_TEST_SUITE_P(formats, EveryFormat, testing::ValuesIn(formats().begin(), formats().end()),
                         [](const auto& info) { return std::string(info.param.name); });

TEST_P(EveryFormat, facts_are_sane) {
  const Format& f = GetParam();
  EXPECT_GT(f.block, 0);
  EXPECT_EQ(f.block % f.group, 0);
  EXPECT_EQ(f.row_bytes(f.block * 3), 3u * f.block_bytes);
  EXPECT_GT(f.bits_per_weight(), 0.5);
  EXPECT_LE(f.bits_per_weight(), 32.0);
  EXPECT_EQ(f.integers == nullptr, f.kind == ValueKind::floating);
  EXPECT_TRUE(f.has_min || !f.has_sub_min) << "sub_min without min";
  double code_bits = f.kind == ValueKind::vector ? f.code_bits / 8.0 : f.code_bits;
  // Codes that are packed as digits (ternaries, five to a byte) take less than their whole bits, never a bit less.
  EXPECT_LT(code_bits, f.bits_per_weight() + 1) << "the block is too small for its codes";
}

TEST_P(EveryFormat, is_found_by_number_and_name) {
  const Format& f = GetParam();
  const Format* by_id = find_format(f.space, f.id);
  ASSERT_NE(by_id, nullptr);
  EXPECT_STREQ(by_id->name, f.name);
  std::string upper = f.name;
  for (char& c : upper) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  for (const std::string& spelling : {std::string(f.name), upper}) {
    const Format* by_name = find_format(spelling);
    ASSERT_NE(by_name, nullptr) << spelling;
    EXPECT_STREQ(by_name->name, f.name);
  }
}

TEST_P(EveryFormat, decodes_the_golden_blocks_bit_for_bit) {
  const Format& f = GetParam();
  auto golden = tests::read_golden(golden_folder, f.name);
  if (!golden) {
    GTEST_SKIP() << "no tests/formats/golden/" << f.name
                 << ".bin; tools/goldens/formats.py makes it for formats that a reference decodes";
  }
  ASSERT_EQ(static_cast<int>(golden->block), f.block);
  ASSERT_EQ(static_cast<int>(golden->block_bytes), f.block_bytes);
  ASSERT_GE(golden->n_blocks, 32u);
  std::vector<float> values = decoded(f, golden->blocks);
  size_t wrong = 0;
  for (size_t i = 0; i < values.size(); i++) {
    if (same(values[i], golden->values[i])) continue;
    if (wrong++ > 0) continue;
    ADD_FAILURE() << "block " << i / f.block << ", weight " << i % f.block << ": " << values[i] << ", expected "
                  << golden->values[i];
  }
  EXPECT_EQ(wrong, 0u) << "of " << values.size();
}

// The integers of the int8 view fit 8 bits, signed or unsigned, and decoding is affine in them: in a group, equal
// integers give equal weights, and greater ones greater weights (or smaller: the scale may be negative).
TEST_P(EveryFormat, integers_agree_with_the_values) {
  const Format& f = GetParam();
  if (!f.integers) return;  // floating
  std::set<int> seen;
  auto blocks = noise(64u * f.block_bytes, f.id + 1);
  std::vector<float> values = decoded(f, blocks);
  std::vector<int16_t> integers(f.block);
  for (int n = 0; n < 64; n++) {
    f.integers(blocks.data() + n * f.block_bytes, integers.data());
    const float* w = values.data() + n * f.block;
    for (int g = 0; g < f.block; g += f.group) {
      for (int i = g; i < g + f.group; i++) {
        seen.insert(integers[i]);
        if (!std::isfinite(w[i]) || !std::isfinite(w[g])) continue;
        ASSERT_TRUE(integers[i] != integers[g] || same(w[i], w[g]))
            << "block " << n << ", weights " << g << " and " << i;
      }
      // Up or down with the sign of the scale, never both.
      int up = 0, down = 0;
      for (int i = g; i < g + f.group; i++)
        for (int j = g; j < i; j++) {
          float rise = (w[i] - w[j]) * static_cast<float>(integers[i] - integers[j]);  // NaN if a value is not finite
          up += rise > 0;
          down += rise < 0;
        }
      ASSERT_TRUE(up == 0 || down == 0) << "block " << n << ", group " << g / f.group;
    }
  }
  EXPECT_GE(seen.size(), 2u) << "every integer is the same";
  EXPECT_GE(*seen.begin(), -128);
  EXPECT_LE(*seen.rbegin(), 127);
  if (f.kind != ValueKind::vector) { EXPECT_LE(static_cast<int>(seen.size()), 1 << f.code_bits); }
}

// One block decodes to the same values wherever it stands.
TEST_P(EveryFormat, blocks_are_independent) {
  const Format& f = GetParam();
  auto blocks = noise(5u * f.block_bytes, f.id + 7);
  std::vector<float> all = decoded(f, blocks);
  for (int n = 0; n < 5; n++) {
    std::vector<std::byte> one(blocks.begin() + n * f.block_bytes, blocks.begin() + (n + 1) * f.block_bytes);
    std::vector<float> alone = decoded(f, one);
    for (int i = 0; i < f.block; i++)
      ASSERT_TRUE(same(alone[i], all[n * f.block + i])) << "block " << n << ", weight " << i;
  }
}

// A block may be the last of a mapped file: nothing behind it may be read, not even bits that are masked away. Here the
// page behind it cannot be read, so a format that does dies in the child.
TEST_P(EveryFormat, reads_only_its_block) {
  const Format& f = GetParam();
  testing::FLAGS_gtest_death_test_style = "fast";
  auto read_at_the_edge = [&f] {
    size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    auto* pages =
        static_cast<std::byte*>(mmap(nullptr, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    if (pages == MAP_FAILED || mprotect(pages + page, page, PROT_NONE) != 0) _exit(2);
    std::memset(pages, 0x5a, page);
    const std::byte* last = pages + page - f.block_bytes;
    std::vector<float> weights(f.block);
    std::vector<int16_t> values(f.block);
    f.decode(last, weights.data(), f.block);
    if (f.integers) f.integers(last, values.data());
    _exit(0);
  };
  EXPECT_EXIT(read_at_the_edge(), testing::ExitedWithCode(0), "")
      << f.name << " reads bytes behind its block of " << f.block_bytes;
}

TEST(Registry, numbers_and_names_are_unique) {
  std::set<std::pair<std::string, uint32_t>> ids;
  std::set<std::string> names;
  for (const Format& f : formats()) {
    EXPECT_TRUE(ids.insert({f.space, f.id}).second) << f.name;
    EXPECT_TRUE(names.insert(f.name).second) << f.name;
  }
}

TEST(Registry, has_every_format_of_gguf_in_use) {
  for (const char* name :
       {"F32",    "F16",    "BF16",  "Q4_0",  "Q4_1",  "Q5_0",    "Q5_1",   "Q8_0",  "Q2_K",    "Q3_K",
        "Q4_K",   "Q5_K",   "Q6_K",  "IQ1_S", "IQ1_M", "IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ3_XXS", "IQ3_S",
        "IQ4_NL", "IQ4_XS", "TQ1_0", "TQ2_0", "MXFP4", "NVFP4",   "Q1_0",   "Q2_0"})
    EXPECT_NE(find_format(name), nullptr) << name;
}

TEST(Registry, knows_nothing_of_the_unknown) {
  EXPECT_EQ(find_format("ggml", 4), nullptr);  // a number that ggml has given up
  EXPECT_EQ(find_format("nowhere", 2), nullptr);
  EXPECT_EQ(find_format("q4_9"), nullptr);
  EXPECT_EQ(find_format("q4_"), nullptr);
  EXPECT_EQ(find_format(""), nullptr);
}

// Encoding is derived from the accessors: a weight is off by at most half a step (the scale's own rounding apart),
// zeros stay zeros, and what is not finite does not become a number.
TEST(Encode, IsWithinHalfAStep) {
  std::set<std::string> names;
  for (const Format& f : formats()) {
    if (!f.encode) continue;
    names.insert(f.name);
    int64_t n = 8 * f.block;
    std::mt19937 random(3);
    std::normal_distribution<float> normal;
    std::vector<float> x(n);
    for (float& v : x) v = normal(random);
    std::fill_n(x.begin(), f.block, 0.0f);
    std::fill_n(x.begin() + f.block, f.block, -2.5f);
    std::vector<std::byte> blocks(8 * f.block_bytes);
    f.encode(x.data(), blocks.data(), n);
    std::vector<float> y = decoded(f, blocks);
    for (int64_t b = 0; b < 8; b++) {
      float max = 0;
      for (int i = 0; i < f.block; i++) max = std::max(max, std::fabs(x[b * f.block + i]));
      float step = max / float((1 << (f.code_bits - 1)) - 1 ? (1 << (f.code_bits - 1)) - 1 : 1);
      for (int i = 0; i < f.block; i++)
        ASSERT_NEAR(y[b * f.block + i], x[b * f.block + i], step * 0.501f + max * 0x1p-10f)
            << f.name << " block " << b << " weight " << i;
    }
    x[2 * f.block + 1] = INFINITY;
    f.encode(x.data(), blocks.data(), n);
    EXPECT_FALSE(std::isfinite(decoded(f, blocks)[2 * f.block + 1])) << f.name;
  }
  for (const char* name : {"q4_0", "q5_0", "q8_0"}) EXPECT_TRUE(names.contains(name)) << name;
}

}  // namespace
}  // namespace ingot::quant
