// The hand-written matrix kernels of bench/gpu, emulated: their results are the composed kernels', bit for bit.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <fstream>
#include <random>
#include <sstream>

#include "emulator/executor.h"
#include "emulator/toolchain.h"
#include "backends/gpu/compose.h"
#include "backends/gpu/parameters.h"

namespace ingot::emulator {
namespace {

struct Call {  // of yardstick.cu
  const unsigned char* weights;
  const gpu::i8* codes;
  const float* scales;
  const gpu::i32* sums;
  float* y;
  gpu::i32 rows, chunks;
};

struct Case {
  const char* format;
  int block, tile_bytes, half_bytes;  // f16 numbers stand first in a tile
};
void PrintTo(const Case& c, std::ostream* out) { *out << c.format; }

// The words of CUDA that only yardstick.cu uses, and each of its kernels as an entry. A thread reads its index before
// the first barrier.
std::string as_entry(const std::string& format) {
  std::ifstream file(INGOT_SOURCE_DIR "/bench/gpu/yardstick.cu");
  std::stringstream text;
  text << "struct ThreadIndex { unsigned x; };\nstatic thread_local ThreadIndex threadIdx, blockIdx;\n"
          "#define __global__\n#define __launch_bounds__(...)\n#define __grid_constant__\n#define __shared__ static "
          "thread_local\n#define fmaf __builtin_fmaf\n"
       << file.rdbuf() << "\nstruct by_hand { typedef Call Params; struct Shared { float none; };\n"
       << "  static void run(const Call& p, Shared&, Thread me) { threadIdx.x = me.index; blockIdx.x = me.group; "
          "yardstick_"
       << format << "(p); } };\nENTRY(by_hand_entry, by_hand)\n";
  return text.str();
}

class Yardstick : public testing::TestWithParam<Case> {};

TEST_P(Yardstick, GivesTheComposedKernelsBits) {
  if (std::string missing = missing_compiler(); !missing.empty()) GTEST_SKIP() << missing;
  const auto& [name, block, tile_bytes, half_bytes] = GetParam();
  auto format = std::ranges::find(quant::formats(), std::string(name), &quant::Format::name);
  ASSERT_NE(format, quant::formats().end());
  gpu::Entry entry{"gemv", {"1", "store_out"}, {&*format}};
  auto library = compile(Dialect::cuda, gpu::compose("cuda", std::array{entry}).text + as_entry(name));
  ASSERT_TRUE(library->entry(entry.name()) && library->entry("by_hand_entry"));
  ASSERT_EQ(library->parameter_bytes("by_hand_entry"), sizeof(Call));

  constexpr int rows = 41, groups = 2;
  for (int cols : {256, 1280, 2048}) {
    std::mt19937 random(7);
    std::vector<unsigned char> weights(size_t(groups) * (cols / block) * tile_bytes);
    for (size_t i = 0; i < weights.size(); i++) weights[i] = static_cast<unsigned char>(random());
    for (size_t tile = 0; tile < weights.size(); tile += tile_bytes)
      for (int i = 1; i < half_bytes; i += 2)
        weights[tile + i] =
            static_cast<unsigned char>(0x10 + random() % 0x10 + random() % 2 * 0x80);  // magnitudes below 0.01
    alignas(16) static gpu::i8 codes[2048];
    alignas(16) static gpu::i32 sums[2048 / 16];
    std::vector<float> scales(cols / 32), y(rows), expected(rows);
    std::memset(sums, 0, sizeof sums);
    for (int i = 0; i < cols; i++) codes[i] = static_cast<gpu::i8>(int(random() % 255) - 127), sums[i / 16] += codes[i];
    for (float& s : scales) s = 0.001f * float(1 + random() % 50);

    const gpu::i32 tokens = 1;
    gpu::GemvLaunch p = {};
    p.rows = &tokens;
    p.codes = {codes, scales.data(), sums};
    p.segment[0] = {weights.data(), nullptr, expected.data(), rows, groups, 1.0f}, p.segments = 1;
    p.cols = cols, p.tokens = 1;
    execute({library->entry(entry.name()), &p, groups, 256, sizeof(gpu::GemvShared), 0});
    Call call = {weights.data(), codes, scales.data(), sums, y.data(), rows, cols / 32};
    execute({library->entry("by_hand_entry"), &call, groups, 256, 16, 0});
    for (int r = 0; r < rows; r++)
      EXPECT_EQ(std::bit_cast<uint32_t>(y[r]), std::bit_cast<uint32_t>(expected[r]))
          << cols << " columns, row " << r << ": " << y[r] << " for " << expected[r];
    EXPECT_TRUE(std::ranges::all_of(expected, [](float v) { return std::isfinite(v) && v != 0; }));
  }
}

INSTANTIATE_TEST_SUITE_P(Formats, Yardstick,
                         testing::Values(Case{"q4_0", 32, 576, 64}, Case{"q8_0", 32, 1088, 64},
                                         Case{"q4_k", 256, 4736, 128}),
                         testing::PrintToStringParamName());

}  // namespace
}  // namespace ingot::emulator
