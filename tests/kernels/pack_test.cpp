// Codebooks seen as tables; and packing against its reference, byte for byte: every format with a resident layout, on
// every instruction set of this machine (rows of a group and the bias of 8-bit codes are the machine's), at shapes that
// leave lanes, rows and tiles over.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <set>

#include "backends/cpu/kernels.h"
#include "kernels/random_blocks.h"
#include "quant/format.h"

namespace ingot::cpu {
namespace {
#include "dialect/cpp.h"
#include "dialect/contract.h"
#include "quant/facts.h"
#include "quant/decode.h"
#include "quant/as_table.h"
#include "quant/resident.h"
#include "quant/pack_row.h"
#include "every_format.h"

template <class F>
void compare(const Isa& isa, const FormatKernels& kernels, const quant::Format& format, int rows, i64 cols) {
  SCOPED_TRACE(testing::Message() << format.name << " on " << isa.name << ", " << rows << " rows of " << cols);
  // dot_large of these multiplies signed bytes
  bool takes_signed = std::strcmp(isa.name, "avx2") == 0 || std::strcmp(isa.name, "neon") == 0;
  u32 flip = facts<F>::affine && F::code_bits == 8 && takes_signed ? 0x80 : 0;
  int R = kernels.lane_rows;
  i64 row_bytes = static_cast<i64>(format.row_bytes(cols)), blocks = cols / F::block;
  std::vector<u8> file = random_rows(format, rows, cols, 5), absent(row_bytes);
  std::vector<u8> expected(blocks * kernels.tile_bytes), packed(expected.size() + 64, 0xaa);
  for (int r = 0; r < R; r++)
    for (i64 b = 0; b < blocks; b++)
      pack_row<F>(view{(r < rows ? file.data() + r * row_bytes : absent.data()) + b * F::block_bytes}, r, R,
                  expected.data() + b * kernels.tile_bytes, flip);
  kernels.pack(file.data(), row_bytes, rows, cols, packed.data());
  for (size_t i = 0; i < expected.size(); i++) ASSERT_EQ(packed[i], expected[i]) << "byte " << i;
  for (size_t i = expected.size(); i < packed.size(); i++) ASSERT_EQ(packed[i], 0xaa) << "written behind the last tile";
}

template <class F, class... All> size_t index_of(testing::Types<All...>) {
  size_t i = 0;
  (void)((std::is_same_v<F, All> || (i++, false)) || ...);
  return i;
}

template <class F> class Pack : public testing::Test {};
TYPED_TEST_SUITE(Pack, EveryFormat);

// The list is ascending, every byte of a codeword is in it, and every value of it is one; so weights are the same by
// either view.
TYPED_TEST(Pack, ListsTheValuesOfCodebooks) {
  using F = TypeParam;
  if constexpr (has_values<F>::value) {
    std::vector<int> listed, table;
    for (int c = 0; c < F::values; c++) listed.push_back(F::value(c)), table.push_back(as_table<F>::value(c));
    std::set<int> expanded;
    std::mt19937 random(2);
    u64 codes = u64(1) << F::code_bits, steps = std::min<u64>(codes, 1 << 20);
    for (u64 n = 0; n < steps; n++) {
      u64 run = F::expand(u32(steps == codes ? n : random() % codes));
      for (int k = 0; k < 8; k++) expanded.insert(i8(run >> 8 * k));
    }
    EXPECT_EQ(listed, std::vector<int>(expanded.begin(), expanded.end()));
    EXPECT_EQ(table, listed);
    const quant::Format& format = quant::formats()[index_of<F>(EveryFormat{})];
    std::vector<u8> file = random_rows(format, 1, 20 * F::block, 9);
    for (int i = 0; i < 20 * F::block; i++) {
      view b{file.data() + i / F::block * F::block_bytes};
      ASSERT_EQ(decode<as_table<F>>(b, i % F::block), decode<F>(b, i % F::block)) << "weight " << i;
    }
  } else
    GTEST_SKIP() << "no codebook";
}

TYPED_TEST(Pack, GivesTheBytesOfTheReference) {
  using F = typename resident_form<TypeParam>::type;
  size_t f = index_of<TypeParam>(EveryFormat{});  // the registry has the same order
  if constexpr (resident<F, 1>::exists)
    for (int i = 0; i < isas().count; i++) {
      const Isa& isa = *isas().begin[i];
      if (!isa.supported()) continue;
      const FormatKernels& kernels = *isa.formats[f];
      for (i64 blocks : {1, 2, 3, 9})
        for (int rows : {1, kernels.lane_rows - 1, kernels.lane_rows})
          compare<F>(isa, kernels, quant::formats()[f], rows, blocks * F::block);
    }
  else
    GTEST_SKIP() << quant::formats()[f].name << " has no resident layout";
}

}  // namespace
}  // namespace ingot::cpu
