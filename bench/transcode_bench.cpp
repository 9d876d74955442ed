// How fast weights are packed into the resident layout: bytes of the file a second on one core, for every format and
// every instruction set of this machine. The source is larger than the nearest caches; fresh pages and the file system
// are not part of it.
//   bench_transcode --benchmark_filter=avx2
#include <benchmark/benchmark.h>

#include <random>
#include <string>
#include <vector>

#include "backends/cpu/kernels.h"
#include "quant/format.h"

namespace ingot::cpu {
namespace {

void transcode(benchmark::State& state, const FormatKernels& kernels, const quant::Format& format) {
  constexpr int64_t cols = 4096;
  int64_t row_bytes = static_cast<int64_t>(format.row_bytes(cols)),
          group_bytes = cols / format.block * kernels.tile_bytes;
  int64_t groups = (16 << 20) / (row_bytes * kernels.lane_rows);
  std::vector<u8> file(groups * kernels.lane_rows * row_bytes), packed(groups * group_bytes);
  std::minstd_rand random;
  for (u8& byte : file) byte = static_cast<u8>(random() >> 8);
  for (auto _ : state) {
    for (int64_t g = 0; g < groups; g++)
      kernels.pack(file.data() + g * kernels.lane_rows * row_bytes, row_bytes, kernels.lane_rows, cols,
                   packed.data() + g * group_bytes);
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(file.size()));
}

}  // namespace
}  // namespace ingot::cpu

int main(int argc, char** argv) {
  using namespace ingot;
  for (int i = 0; i < cpu::isas().count; i++) {
    const cpu::Isa& isa = *cpu::isas().begin[i];
    for (size_t f = 0; f < quant::formats().size(); f++) {
      const cpu::FormatKernels& kernels = *isa.formats[f];
      if (!isa.supported() || !kernels.lane_rows) continue;
      std::string name = std::string(isa.name) + "/" + kernels.format;
      benchmark::RegisterBenchmark(name.c_str(), cpu::transcode, kernels, quant::formats()[f]);
    }
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
}
