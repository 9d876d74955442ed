// Formats that nobody uses, for the corners of the contract that no format in formats/ reaches: minima by group, sub-minima under
// scales by group, 7-bit codes, 8-bit signed values, a small table. All strategies against the plain twin, bit for bit, and
// against float64, in the portable lanes (every instruction set compiles the same text).
#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

#include "backend/cpu/kernels.h"

namespace ingot::cpu {
namespace {
#include "backend/cpu/lanes/portable.h"
#include "backend/cpu/instance_format.h"

struct min_by_group : affine {  // groups of 16, a scale and a minimum each
  enum { block = 32, group = 16, code_bits = 4, block_bytes = 24 };
  fn code(view b, int i) { return b.byte(8 + i / 2) >> i % 2 * 4 & 15; }
  fn scale(view b, int g) { return b.f16(4 * g); }
  fn min(view b, int g) { return b.f16(4 * g + 2); }
};
struct sub_min_by_group : affine {  // float scales by group, integer factors on both
  enum { block = 64, group = 16, code_bits = 7, block_bytes = 4 * 4 + 8 + 64 };
  fn code(view b, int i) { return b.byte(24 + i) & 127; }
  fn zero() { return 64; }
  fn scale(view b, int g) { return b.f16(4 * g); }
  fn sub(view b, int g) { return b.signed_byte(16 + g); }
  fn min(view b, int g) { return -b.f16(4 * g + 2); }
  fn sub_min(view b, int g) { return b.byte(20 + g) & 127; }
};
struct wide_groups : affine {  // two groups of 64, integer factors, one minimum
  enum { block = 128, group = 64, code_bits = 3, block_bytes = 8 + 128 };
  fn code(view b, int i) { return b.byte(8 + i) & 7; }
  fn zero() { return 3; }
  fn scale(view b) { return b.bf16(0); }
  fn sub(view b, int g) { return b.signed_byte(4 + g); }
  fn min(view b) { return b.bf16(2); }
  fn sub_min(view b, int g) { return b.signed_byte(6 + g); }
  fn unit() { return 0.5f; }
};
struct signed_bytes : affine {
  enum { block = 32, group = 32, code_bits = 8, block_bytes = 36 };
  fn code(view b, int i) { return b.byte(4 + i); }
  fn zero() { return 128; }
  fn scale(view b) { return b.f32(0); }
};
struct eight_values : table {
  enum { block = 32, group = 16, code_bits = 3, block_bytes = 34 };
  fn code(view b, int i) { return b.byte(2 + i) & 7; }
  fn value(u32 code) { return (int)code * (int)code * 3 - 127; }
  fn scale(view b, int g) { return b.e8m0_half(g); }
};
struct four_values : vector {  // signs and magnitudes of runs, a scale and a minimum by group
  enum { block = 64, group = 16, code_bits = 16, block_bytes = 16 + 16, values = 4 };
  fn value(int c) { return c == 0 ? -128 : c == 1 ? -1 : c == 2 ? 0 : 127; }
  fn code(view b, int j) { return b.word16(16 + 2 * j); }
  fn expand(u32 code) {
    u64 run = 0;
    for (int k = 0; k < 8; k++) run |= (u64)(u8)(i8)value((int)(code >> k & 1) | (int)(code >> (8 + k) & 1) << 1) << 8 * k;
    return run;
  }
  fn scale(view b, int g) { return b.f16(4 * g); }
  fn min(view b, int g) { return b.f16(4 * g + 2); }
};

template <class F> class MadeUp : public testing::Test {};
using Formats = testing::Types<min_by_group, sub_min_by_group, wide_groups, signed_bytes, eight_values, four_values>;
TYPED_TEST_SUITE(MadeUp, Formats);

TYPED_TEST(MadeUp, AllStrategiesAgree) {
  using F = TypeParam;
  constexpr i64 rows = 19, cols = 256, tokens = 7;
  std::mt19937 random(1);
  std::vector<u8> file(rows * cols / F::block * F::block_bytes);
  for (u8* block = file.data(); block < file.data() + file.size(); block += F::block_bytes)
    for (bool moderate = false; !moderate;) {
      for (int i = 0; i < F::block_bytes; i++) block[i] = u8(random());
      moderate = true;
      for (int i = 0; i < F::block; i++) moderate = moderate && std::fabs(decode<F>(view{block}, i)) < 1e5f;
    }
  std::vector<i8> codes(tokens * cols);
  std::vector<float> scales(tokens * cols / 32);
  std::vector<i16> sums(tokens * cols / 16);
  for (i8& c : codes) c = i8(int(random() % 255) - 127);
  for (float& s : scales) s = 0.001f * float(random() % 1000 + 1);
  for (size_t i = 0; i < codes.size(); i++) sums[i / 16] = i16(sums[i / 16] + codes[i]);

  constexpr FormatKernels k = format_kernels<F>("made up");
  i64 row_bytes = cols / F::block * F::block_bytes, groups = (rows + k.lane_rows - 1) / k.lane_rows, group_bytes = cols / F::block * k.tile_bytes;
  std::vector<u8> packed(groups * group_bytes);
  for (i64 g = 0; g < groups; g++)
    k.pack(file.data() + g * k.lane_rows * row_bytes, row_bytes, int(std::min<i64>(k.lane_rows, rows - g * k.lane_rows)), cols, packed.data() + g * group_bytes);
  std::vector<float> from_file(gemv_max_tokens * gemv_max_rows), resident = from_file;
  Activations x{codes.data(), scales.data(), sums.data(), nullptr};
  k.from_file({file.data(), cols, 0, rows, x, 0, tokens, 1.0f, from_file.data()});
  k.resident({packed.data(), cols, 0, rows, x, 0, tokens, 1.0f, resident.data()});
  for (i64 t = 0; t < tokens; t++)
    for (i64 r = 0; r < rows; r++) {
      const u8* row = file.data() + r * row_bytes;
      float plain = k.plain(row, cols, codes.data() + t * cols, scales.data() + t * cols / 32);
      ASSERT_EQ(from_file[t * gemv_max_rows + r], plain) << "from file, row " << r << " token " << t;
      ASSERT_EQ(resident[t * gemv_max_rows + r], plain) << "resident, row " << r << " token " << t;
      double exact = 0, size = 0;
      for (i64 i = 0; i < cols; i++) {
        double p = double(decode<F>(view{row + i / F::block * F::block_bytes}, int(i % F::block))) * codes[t * cols + i] * scales[(t * cols + i) / 32];
        exact += p, size += std::fabs(p);
      }
      ASSERT_NEAR(plain, exact, size * 1e-5);
    }
}

}  // namespace
}  // namespace ingot::cpu
