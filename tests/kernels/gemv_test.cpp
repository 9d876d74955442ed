// Every strategy of the matrix kernel on every format and every instruction set that this machine has, against the
// reference (bit for bit) and against float64 (error bound stated). What the machine cannot run is said.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>
#include <random>
#include <utility>

#include "backends/cpu/kernels.h"
#include "kernels/random_blocks.h"
#include "quant/format.h"

namespace ingot::cpu {
namespace {

struct Case {
  const Isa* isa;
  const FormatKernels* kernels;
  const quant::Format* format;
};

void PrintTo(const Case& c, std::ostream* out) { *out << c.kernels->format << " on " << c.isa->name; }

std::vector<Case> cases() {
  std::vector<Case> list;
  for (int i = 0; i < isas().count; i++)
    for (size_t f = 0; f < quant::formats().size(); f++)
      list.push_back({isas().begin[i], isas().begin[i]->formats[f], &quant::formats()[f]});
  return list;
}

struct Input {
  std::vector<float> values, scales;
  std::vector<i8> codes;
  std::vector<i16> sums;
  Activations view() const { return {codes.data(), scales.data(), sums.data(), values.data()}; }
};

Input make_input(const OpKernels& ops, int64_t tokens, int64_t cols, uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  Input in;
  in.values.resize(tokens * cols);
  for (float& v : in.values) v = normal(random);
  if (cols % 32) return in;  // only floating formats have such rows, and they read no codes
  in.codes.resize(tokens * cols), in.scales.resize(tokens * cols / 32), in.sums.resize(tokens * cols / 16);
  for (int64_t t = 0; t < tokens; t++)
    ops.quantize(in.values.data() + t * cols, static_cast<int>(cols), in.codes.data() + t * cols,
                 in.scales.data() + t * cols / 32, in.sums.data() + t * cols / 16);
  return in;
}

// Runs rows × tokens through `gemv` in calls of at most 64 rows and 64 tokens.
std::vector<float> run(void (*gemv)(const GemvParams&), const u8* weights, int64_t rows, int64_t cols, const Input& in,
                       int64_t tokens, Prefetch prefetch = prefetch_policies[0]) {
  std::vector<float> out(tokens * rows);
  for (int64_t row = 0; row < rows; row += gemv_max_rows)
    for (int64_t t = 0; t < tokens; t += gemv_max_tokens) {
      int n = static_cast<int>(std::min<int64_t>(gemv_max_rows, rows - row)),
          k = static_cast<int>(std::min<int64_t>(gemv_max_tokens, tokens - t));
      static float y[gemv_max_tokens * gemv_max_rows];
      gemv({weights, cols, row, n, in.view(), t, k, 1.0f, y, prefetch});
      for (int j = 0; j < k; j++) std::copy_n(y + j * gemv_max_rows, n, out.data() + (t + j) * rows + row);
    }
  return out;
}

// The file's rows in the resident layout.
std::vector<u8> packed(const FormatKernels& kernels, const quant::Format& format, const std::vector<u8>& file,
                       int64_t rows, int64_t cols) {
  int64_t row_bytes = static_cast<int64_t>(format.row_bytes(cols)),
          group_bytes = cols / format.block * kernels.tile_bytes;
  std::vector<u8> tiles((rows + kernels.lane_rows - 1) / kernels.lane_rows * group_bytes + 64);
  for (int64_t row = 0; row < rows; row += kernels.lane_rows)
    kernels.pack(file.data() + row * row_bytes, row_bytes,
                 static_cast<int>(std::min<int64_t>(kernels.lane_rows, rows - row)), cols,
                 tiles.data() + row / kernels.lane_rows * group_bytes);
  return tiles;
}

class Gemv : public testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    if (!GetParam().isa->supported())
      GTEST_SKIP() << "this machine cannot run " << GetParam().isa->name << ": not tested here";
  }

  static void compare(int64_t rows, int64_t cols, int64_t tokens) {
    const auto& [isa, kernels, format] = GetParam();
    if (cols % format->block) cols = (cols / format->block + 1) * format->block;
    SCOPED_TRACE(testing::Message() << rows << " x " << cols << ", " << tokens << " tokens");
    int64_t row_bytes = static_cast<int64_t>(format->row_bytes(cols));
    std::vector<u8> file = random_rows(*format, rows, cols, 7 + static_cast<uint32_t>(rows));
    Input in = make_input(*isa->ops, tokens, cols, 3);
    std::vector<float> from_file = run(kernels->from_file, file.data(), rows, cols, in, tokens), resident;
    if (kernels->lane_rows) {
      std::vector<u8> tiles = packed(*kernels, *format, file, rows, cols);
      resident = run(kernels->resident, tiles.data(), rows, cols, in, tokens);
      for (const Prefetch& p : prefetch_policies)
        ASSERT_EQ(run(kernels->resident, tiles.data(), rows, cols, in, tokens, p), resident)
            << "asked for " << p.ahead << " bytes ahead, row groups at once: " << p.at_once;
    }
    std::vector<float> weights(cols);
    for (int64_t r = 0; r < rows; r += std::max<int64_t>(1, rows / 67)) {
      format->decode(reinterpret_cast<const std::byte*>(file.data() + r * row_bytes), weights.data(), cols);
      for (int64_t t = 0; t < tokens; t++) {
        double exact = 0, size = 0;
        for (int64_t k = 0; k < cols; k++) {
          double x = kernels->reads_codes ? double(in.codes[t * cols + k]) * in.scales[(t * cols + k) / 32]
                                          : in.values[t * cols + k];
          exact += weights[k] * x;
          size += std::fabs(weights[k] * x);
        }
        float got = from_file[t * rows + r];
        // Roundings on the way of a product into its total, each within 2^-24 of the sum of magnitudes: at most cols /
        // 16 of a running sum, or two for each chunk of 32, one of the product, four of adding up 16 running sums.
        ASSERT_NEAR(got, exact, size * (double(cols) / 16 + 6) * 0x1p-24 + 1e-30) << "row " << r << " token " << t;
        if (kernels->reads_codes) {
          float plain = kernels->plain(file.data() + r * row_bytes, cols, in.codes.data() + t * cols,
                                       in.scales.data() + t * cols / 32);
          ASSERT_EQ(got, plain) << "from file, row " << r << " token " << t;
        }
        if (kernels->lane_rows) { ASSERT_EQ(resident[t * rows + r], got) << "resident, row " << r << " token " << t; }
      }
    }
  }
};

TEST_P(Gemv, AllStrategiesGiveTheBitsOfTheReference) {
  for (int64_t cols : {32, 576, 896, 2560})
    for (int64_t rows : {1, 3, 17, 70})
      for (int64_t tokens : {1, 2, 3}) compare(rows, cols, tokens);
}

TEST_P(Gemv, EveryBatchSize) {
  for (int64_t tokens : {1, 2, 3, 4, 5, 6, 7, 8, 9, 16, 17, 31, 63, 64, 65}) compare(19, 576, tokens);
}

TEST_P(Gemv, ManyRows) {
  compare(4097, 256, 1);
  compare(4097, 576, 9);
  compare(4097, 288, 33);
}

// Rows that are the middle of longer ones: first blocks left out, and the next row further on.
TEST_P(Gemv, RowsInsideLongerOnes) {
  const auto& [isa, kernels, format] = GetParam();
  constexpr int64_t rows = 19, tokens = 11;
  const int64_t cols = 512, all = cols + 3 * format->block, row_bytes = static_cast<int64_t>(format->row_bytes(cols));
  const int64_t all_bytes = static_cast<int64_t>(format->row_bytes(all));
  std::vector<u8> file = random_rows(*format, rows, cols, 5), longer = random_rows(*format, rows, all, 6);
  for (int64_t r = 0; r < rows; r++)
    std::copy_n(file.data() + r * row_bytes, row_bytes, longer.data() + r * all_bytes + 2 * format->block_bytes);
  Input in = make_input(*isa->ops, tokens, cols, 3);
  std::vector<float> y(gemv_max_tokens * gemv_max_rows);
  for (int64_t n : {tokens, int64_t(1)}) {
    kernels->from_file({.weights = longer.data() + 2 * format->block_bytes,
                        .cols = cols,
                        .row = 0,
                        .rows = rows,
                        .x = in.view(),
                        .token = 0,
                        .tokens = static_cast<int>(n),
                        .scale = 1.0f,
                        .y = y.data(),
                        .prefetch = prefetch_policies[4],
                        .row_bytes = all_bytes});
    const std::vector<float> expected = run(kernels->from_file, file.data(), rows, cols, in, n);
    for (int64_t t = 0; t < n; t++)
      for (int64_t r = 0; r < rows; r++)
        ASSERT_EQ(y[t * gemv_max_rows + r], expected[t * rows + r]) << "row " << r << " token " << t;
  }
}

// Blocks alone limit the length of a row. A token's bits are the same alone and beside others.
class GemvOfNumbers : public Gemv {};
TEST_P(GemvOfNumbers, RowsOfAnyLength) {
  const auto& [isa, kernels, format] = GetParam();
  for (int64_t cols : {1, 15, 17, 33, 100, 172, 1001}) {
    for (int64_t tokens : {1, 3, 9}) compare(19, cols, tokens);
    constexpr int64_t rows = 19, tokens = 17;
    std::vector<u8> file = random_rows(*format, rows, cols, 5);
    Input in = make_input(*isa->ops, tokens, cols, 3);
    std::vector<float> together = run(kernels->from_file, file.data(), rows, cols, in, tokens);
    for (const Prefetch& prefetch : prefetch_policies)
      ASSERT_EQ(run(kernels->from_file, file.data(), rows, cols, in, tokens, prefetch), together);
    for (int64_t t = 0; t < tokens; t++) {
      Input one;
      one.values.assign(in.values.begin() + t * cols, in.values.begin() + (t + 1) * cols);
      for (const Prefetch& prefetch : prefetch_policies)
        ASSERT_EQ(run(kernels->from_file, file.data(), rows, cols, one, 1, prefetch),
                  std::vector<float>(together.begin() + t * rows, together.begin() + (t + 1) * rows))
            << cols;
    }
  }
}

// Sums as large as they come: every code the largest, the smallest or one between, activations all ±127 or with the
// signs of the weights. Sums of pairs in 16 bits must not overflow.
TEST_P(Gemv, LargestSums) {
  const auto& [isa, kernels, format] = GetParam();
  if (!kernels->lane_rows) return;  // floats
  constexpr int64_t rows = 4, tokens = 16;
  int64_t cols = std::max<int64_t>(format->block, 64), row_bytes = static_cast<int64_t>(format->row_bytes(cols));
  std::vector<float> weights(cols);
  for (int fill : {0x00, 0xff, 0x0f, 0xf0, 0x7f, 0x80, 0xaa}) {
    std::vector<u8> file = random_rows(*format, rows, cols, 17);
    for (int64_t at = 0; at < static_cast<int64_t>(file.size()); at += format->block_bytes)
      for (int i = 0; i < format->block_bytes;
           i++) {  // all bytes but those that a scale needs to stay a moderate number
        u8 before = std::exchange(file[at + i], static_cast<u8>(fill));
        format->decode(reinterpret_cast<const std::byte*>(&file[at]), weights.data(), format->block);
        if (!std::all_of(weights.begin(), weights.begin() + format->block, [](float w) { return std::fabs(w) < 1e4f; }))
          file[at + i] = before;
      }
    format->decode(reinterpret_cast<const std::byte*>(file.data()), weights.data(), cols);
    Input in = make_input(*isa->ops, tokens, cols, 3);
    for (int64_t t = 0; t < tokens; t++)
      for (int64_t k = 0; k < cols; k++) {
        bool negative = t % 4 == 0 ? weights[k] < 0 : t % 4 == 1 ? k % 2 : t % 4 == 2;
        in.codes[t * cols + k] = static_cast<i8>(negative ? -127 : 127);
      }
    for (size_t i = 0; i < in.sums.size(); i++)
      in.sums[i] = static_cast<i16>(std::accumulate(&in.codes[16 * i], &in.codes[16 * i] + 16, 0));
    std::vector<u8> tiles = packed(*kernels, *format, file, rows, cols);
    for (int64_t together : {tokens, int64_t(1)}) {
      std::vector<float> got = run(kernels->resident, tiles.data(), rows, cols, in, together);
      for (int64_t t = 0; t < together; t++)
        for (int64_t r = 0; r < rows; r++)
          ASSERT_EQ(got[t * rows + r], kernels->plain(file.data() + r * row_bytes, cols, in.codes.data() + t * cols,
                                                      in.scales.data() + t * cols / 32))
              << "bytes " << fill << ", row " << r << " token " << t << " of " << together;
    }
  }
}

std::vector<Case> cases_of_numbers() {
  std::vector<Case> list = cases();
  std::erase_if(list, [](const Case& c) { return !c.kernels->direct; });
  return list;
}

std::string name_of(const testing::TestParamInfo<Case>& info) {
  return std::string(info.param.isa->name) + "_" + info.param.kernels->format;
}
INSTANTIATE_TEST_SUITE_P(All, Gemv, testing::ValuesIn(cases()), name_of);
INSTANTIATE_TEST_SUITE_P(All, GemvOfNumbers, testing::ValuesIn(cases_of_numbers()), name_of);

// All instruction sets that this machine has give the same bits, by every strategy: 16 tokens as a panel, the others
// together. Which ones that were is said; ./test repeats it.
TEST(GemvAcrossMachines, SameBits) {
  constexpr int64_t rows = 33, tokens = 19;
  std::string executed;
  std::vector<std::vector<float>> first(quant::formats().size());
  for (int i = 0; i < isas().count; i++) {
    const Isa& isa = *isas().begin[i];
    if (!isa.supported()) continue;
    const Input inputs[] = {make_input(*isa.ops, tokens, 512, 5), make_input(*isa.ops, tokens, 509, 5)};
    for (size_t f = 0; f < quant::formats().size(); f++) {
      const quant::Format& format = quant::formats()[f];
      const FormatKernels& kernels = *isa.formats[f];
      const int64_t cols = format.block == 1 ? 509 : 512;  // blocks alone limit the length of a row
      const Input& in = inputs[format.block == 1];
      SCOPED_TRACE(std::string(format.name) + " on " + isa.name);
      std::vector<u8> file = random_rows(format, rows, cols, 11);
      std::vector<float> from_file = run(kernels.from_file, file.data(), rows, cols, in, tokens);
      if (first[f].empty()) first[f] = from_file;
      ASSERT_EQ(from_file, first[f]) << "from file";
      if (kernels.lane_rows) {
        ASSERT_EQ(run(kernels.resident, packed(kernels, format, file, rows, cols).data(), rows, cols, in, tokens),
                  first[f])
            << "resident";
      }
    }
    executed += std::string(" ") + isa.name;
  }
  std::printf("instruction sets executed:%s\n", executed.c_str());
}

}  // namespace
}  // namespace ingot::cpu
