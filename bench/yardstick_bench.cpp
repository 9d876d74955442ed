// The composed one-token kernels against ones written by hand (yardstick/): first that both give the same bits, then
// how their speeds compare. Rounds alternate between the two, in processor time of this thread; medians of the rounds.
// Weights are in the L2 cache unless their size says otherwise.
//   bench_yardstick [ROUNDS [KIB]]     composed / by hand: 1.00 means that nothing is lost by composing
#include "yardstick/yardstick.h"

#include <time.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string_view>
#include <vector>

#include "backends/cpu/kernels.h"
#include "backends/cpu/region.h"
#include "quant/format.h"

namespace ingot::cpu {
namespace {

constexpr int64_t cols = 2048;
constexpr double round_seconds = 0.002;

struct Pair {
  const char* isa;
  const char* format;
  void (*by_hand)(const yardstick::Call&);
};
const Pair pairs[] = {{"avx512", "q4_0", yardstick::q4_0_avx512},
                      {"avx512", "q8_0", yardstick::q8_0_avx512},
                      {"avx2", "q4_0", yardstick::q4_0_avx2},
                      {"avx2", "q8_0", yardstick::q8_0_avx2}};

double processor_seconds() {
  timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return double(t.tv_sec) + 1e-9 * double(t.tv_nsec);
}

// A resident matrix of random blocks, and one token. Extreme: only the largest products, which is where sums would
// overflow.
struct Problem {
  int64_t rows, group_bytes;
  Region tiles;
  std::vector<i8> codes = std::vector<i8>(cols);
  std::vector<float> scales = std::vector<float>(cols / 32);
  std::vector<i16> sums = std::vector<i16>(cols / 16);

  Problem(const FormatKernels& kernels, const OpKernels& ops, const quant::Format& format, int64_t bytes, bool extreme)
      : tiles(bytes + 4096, "the weights", "close other programs") {
    std::minstd_rand random(1);
    const u8 ends[] = {0x00, 0xff, 0x80, 0x7f};
    int64_t row_bytes = static_cast<int64_t>(format.row_bytes(cols));
    group_bytes = cols / format.block * kernels.tile_bytes;
    rows = std::max<int64_t>(1, bytes / group_bytes * kernels.lane_rows / gemv_max_rows) * gemv_max_rows;
    std::vector<u8> file(rows * row_bytes);
    for (u8& byte : file) byte = extreme ? ends[random() >> 8 & 3] : static_cast<u8>(random() >> 8);
    for (int64_t at = 0; at < rows * row_bytes; at += format.block_bytes)
      file[at + 1] = static_cast<u8>(0x24 + (random() >> 8) % 4);  // f16 scales of 2^-6 … 2^-5
    for (int64_t row = 0; row < rows; row += kernels.lane_rows)
      kernels.pack(file.data() + row * row_bytes, row_bytes, kernels.lane_rows, cols,
                   tiles.data() + row / kernels.lane_rows * group_bytes);
    std::vector<float> x(cols);
    for (float& v : x) v = extreme ? (random() >> 8 & 1 ? 1.0f : -1.0f) : float(int((random() >> 8) % 2001) - 1000);
    ops.quantize(x.data(), cols, codes.data(), scales.data(), sums.data());
  }
  void composed(const FormatKernels& kernels, float* y) const {
    for (int64_t row = 0; row < rows; row += gemv_max_rows)
      kernels.resident({tiles.data(),
                        cols,
                        row,
                        gemv_max_rows,
                        {codes.data(), scales.data(), sums.data(), nullptr},
                        0,
                        1,
                        0.5f,
                        y + row,
                        {2048, true}});  // read as by hand
  }
  void by_hand(const Pair& pair, int lane_rows, float* y) const {
    for (int64_t row = 0; row < rows; row += gemv_max_rows)
      pair.by_hand({tiles.data() + row / lane_rows * group_bytes, cols, gemv_max_rows / lane_rows, codes.data(),
                    scales.data(), sums.data(), 0.5f, y + row});
  }
};

template <class Pass> double rate(const Problem& p, const Pass& pass) {
  double start = processor_seconds(), seconds = 0;
  int64_t passes = 0, passes_at_once = 1 + (4 << 20) / (p.rows * cols);  // reading the clock takes time too
  for (; seconds < round_seconds; passes += passes_at_once) {
    for (int i = 0; i < passes_at_once; i++) pass();
    seconds = processor_seconds() - start;
  }
  return double(p.rows * cols * passes) / seconds;
}

double median(std::vector<double> v) {
  std::nth_element(v.begin(), v.begin() + static_cast<int64_t>(v.size()) / 2, v.end());
  return v[v.size() / 2];
}

bool compare(const Pair& pair, const FormatKernels& kernels, const OpKernels& ops, const quant::Format& format,
             int rounds, int64_t bytes) {
  for (bool extreme : {true, false}) {
    Problem p(kernels, ops, format, bytes, extreme);
    std::vector<float> y(p.rows), z(p.rows);
    p.composed(kernels, y.data()), p.by_hand(pair, kernels.lane_rows, z.data());
    if (memcmp(y.data(), z.data(), p.rows * sizeof(float)) != 0) {
      std::printf("%-7s %-5s the two differ: compares nothing\n", pair.isa, pair.format);
      return false;
    }
    if (extreme) continue;
    std::vector<double> composed, by_hand, ratios;
    for (int r = 0; r < rounds; r++) {
      composed.push_back(rate(p, [&] { p.composed(kernels, y.data()); }));
      by_hand.push_back(rate(p, [&] { p.by_hand(pair, kernels.lane_rows, z.data()); }));
      ratios.push_back(composed.back() / by_hand.back());
    }
    std::printf("%-7s %-5s same bits   composed %6.2f   by hand %6.2f   10^9 weights/s   composed / by hand %.3f\n",
                pair.isa, pair.format, median(composed) / 1e9, median(by_hand) / 1e9, median(ratios));
  }
  return true;
}

}  // namespace
}  // namespace ingot::cpu

int main(int argc, char** argv) {
  using namespace ingot;
  int rounds = argc > 1 ? std::max(1, std::atoi(argv[1])) : 41;
  int64_t bytes = int64_t(argc > 2 ? std::max(1, std::atoi(argv[2])) : 256) << 10;
  bool same = true;
  for (const cpu::Pair& pair : cpu::pairs)
    for (int i = 0; i < cpu::isas().count; i++) {
      const cpu::Isa& isa = *cpu::isas().begin[i];
      if (std::string_view(isa.name) != pair.isa) continue;
      if (!isa.supported()) std::printf("%-7s %-5s this machine cannot run it\n", pair.isa, pair.format);
      for (size_t f = 0; f < quant::formats().size() && isa.supported(); f++)
        if (std::string_view(quant::formats()[f].name) == pair.format)
          same = cpu::compare(pair, *isa.formats[f], *isa.ops, quant::formats()[f], rounds, bytes) && same;
    }
  return same ? 0 : 1;
}
