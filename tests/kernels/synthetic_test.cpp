// Formats that nobody uses (synthetic_formats.h): all strategies against the reference, bit for bit, and against
// float64, in the portable lanes (every instruction set compiles the same text).
#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

#include "backends/cpu/kernels.h"

namespace ingot::cpu::synthetic {
namespace {
#include "backends/cpu/lanes/portable.h"
#include "backends/cpu/instance_format.h"

#include "kernels/synthetic_formats.h"

template <class F> class Synthetic : public testing::Test {};
using Formats = testing::Types<min_by_group, sub_min_by_group, wide_groups, signed_bytes, unsigned_bytes, eight_values,
                               large_subs, four_values>;
TYPED_TEST_SUITE(Synthetic, Formats);

TYPED_TEST(Synthetic, AllStrategiesAgree) {
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

  constexpr FormatKernels k = format_kernels<F>("synthetic");
  i64 row_bytes = cols / F::block * F::block_bytes, groups = (rows + k.lane_rows - 1) / k.lane_rows,
      group_bytes = cols / F::block * k.tile_bytes;
  std::vector<u8> packed(groups * group_bytes);
  for (i64 g = 0; g < groups; g++)
    k.pack(file.data() + g * k.lane_rows * row_bytes, row_bytes,
           int(std::min<i64>(k.lane_rows, rows - g * k.lane_rows)), cols, packed.data() + g * group_bytes);
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
        double p = double(decode<F>(view{row + i / F::block * F::block_bytes}, int(i % F::block))) *
                   codes[t * cols + i] * scales[(t * cols + i) / 32];
        exact += p, size += std::fabs(p);
      }
      ASSERT_NEAR(plain, exact, size * 1e-5);
    }
}

}  // namespace
}  // namespace ingot::cpu::synthetic
