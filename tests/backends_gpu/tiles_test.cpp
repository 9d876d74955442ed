// Packing for GPUs, 32 rows a tile, against the reference of packing, byte for byte: every format with a resident
// layout.
#include "backends/gpu/tiles.h"

#include <gtest/gtest.h>

#include "kernels/random_blocks.h"
#include "quant/format.h"

namespace ingot::gpu {
namespace {
#include "dialect/cpp.h"
#include "dialect/contract.h"
#include "quant/facts.h"
#include "quant/decode.h"
#include "quant/as_table.h"
#include "quant/resident.h"
#include "quant/pack_row.h"
#include "every_format.h"

template <class F> class Tiles : public testing::Test {};
TYPED_TEST_SUITE(Tiles, EveryFormat);

template <class F, class... All> size_t index_of(testing::Types<All...>) {
  size_t i = 0;
  (void)((std::is_same_v<F, All> || (i++, false)) || ...);
  return i;
}

TYPED_TEST(Tiles, GiveTheBytesOfTheReference) {
  using F = typename resident_form<TypeParam>::type;
  size_t f = index_of<TypeParam>(EveryFormat{});  // the registry has the same order
  const FormatTiles& tiles = *format_tiles()[f];
  const quant::Format& format = quant::formats()[f];
  if constexpr (resident<F, 32>::exists) {
    ASSERT_EQ(tiles.tile_bytes, static_cast<int>(resident<F, 32>::tile_bytes));
    for (int blocks : {1, 2, 5})
      for (int rows : {1, 17, 32}) {
        i64 cols = blocks * F::block, row_bytes = static_cast<i64>(format.row_bytes(cols));
        std::vector<u8> file = random_rows(format, rows, cols, 7), absent(row_bytes);
        std::vector<u8> expected(blocks * tiles.tile_bytes), packed(expected.size() + 64, 0xaa);
        for (int r = 0; r < 32; r++)
          for (int b = 0; b < blocks; b++)
            pack_row<F>(view{(r < rows ? file.data() + r * row_bytes : absent.data()) + b * F::block_bytes}, r, 32,
                        expected.data() + b * tiles.tile_bytes, signed_codes<F>::flip);
        tiles.pack(file.data(), row_bytes, rows, cols, packed.data());
        for (size_t i = 0; i < expected.size(); i++)
          ASSERT_EQ(packed[i], expected[i]) << rows << " rows of " << cols << ", byte " << i;
        for (size_t i = expected.size(); i < packed.size(); i++)
          ASSERT_EQ(packed[i], 0xaa) << "written behind the last tile";
      }
  } else {
    EXPECT_EQ(tiles.tile_bytes, 0);
    EXPECT_EQ(tiles.pack, nullptr);
  }
}

}  // namespace
}  // namespace ingot::gpu
