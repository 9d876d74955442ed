// Kernels that take rows as they are, beside float64: gathered rows, norms behind blocks; and the one that only reads.
#include <fmt/format.h>

#include <cmath>

#include "emulator/kernels.h"

namespace ingot::emulator {

namespace {

using gpu::i32;

void check_gather(Kernels& kernels, int cols, Findings& findings) {
  Regions memory;
  std::mt19937 random(5);
  std::vector<float> from = normals(4 * size_t(cols), random);
  std::vector<i32> ints(4 + 8 * 4);
  ints[1] = 2, ints[4 + 4] = 3, ints[12 + 4] = 1;  // outputs; rows of the first two
  gpu::GatherLaunch p{};
  p.batch.header = reinterpret_cast<gpu::BatchHeader*>(memory.make_settled(ints));
  p.from = memory.make(from), p.to = memory.make(std::vector<float>(3 * size_t(cols), 7)), p.cols = cols;
  kernels.run({"gather_rows", {}, {}}, 3, gpu::gather_threads, sizeof(gpu::GatherShared), p, memory);
  for (int i = 0; i < cols; i++) {
    findings.expect(p.to[i] == from[3 * cols + i] && p.to[cols + i] == from[cols + i], "gather_rows: another row");
    findings.expect(p.to[2 * cols + i] == 7, "gather_rows: wrote past the last output");
  }
}

// `large`: whether squares of the second vector leave the range of floats.
void check_norm_add(Kernels& kernels, int cols, bool large, Findings& findings) {
  Regions memory;
  std::mt19937 random(4);
  std::vector<float> block = normals(2 * size_t(cols), random);
  if (large) block[cols + 1] = 1e20f;
  std::vector<float> norm = normals(cols, random), residual = normals(block.size(), random);
  gpu::NormAddLaunch p{memory.make_settled(std::vector<i32>{2}),
                       memory.make(block),
                       memory.make(norm),
                       memory.make(residual),
                       cols,
                       1e-6f};
  kernels.run({"norm_add", {}, {}}, 3, gpu::split_warps * 32, sizeof(gpu::NormShared), p, memory);
  for (int t = 0; t < 2; t++) {
    double squares = 0;
    for (int i = 0; i < cols; i++) squares += double(block[t * cols + i]) * block[t * cols + i];
    for (int i = 0; i < cols; i++) {
      double expected = residual[t * cols + i] + block[t * cols + i] / std::sqrt(squares / cols + 1e-6) * norm[i];
      if (large && t == 1)
        findings.expect(std::isnan(p.residual[t * cols + i]),
                        fmt::format("norm_add: {} where squares are too large", p.residual[t * cols + i]));
      else
        findings.expect(near(p.residual[t * cols + i], expected, 2e-6),
                        fmt::format("norm_add: {} for {}", p.residual[t * cols + i], expected));
    }
  }
}

void check_probe(Kernels& kernels, Findings& findings) {
  Regions memory;
  constexpr int pieces = 2001;
  gpu::ProbeLaunch p{memory.make(std::vector<gpu::u32>(4 * pieces, 5)), memory.make(std::vector<gpu::u32>{7}), pieces};
  kernels.run({"probe_read", {}, {}}, 3, 256, sizeof(gpu::ProbeShared), p, memory);
  findings.expect(*p.out == 7, "probe_read: wrote without cause");
}

}  // namespace

void check_rows(Kernels& kernels, Findings& findings) {
  for (int cols : {32, 576})
    for (bool large : {false, true}) check_norm_add(kernels, cols, large, findings);
  for (int cols : {32, 577}) check_gather(kernels, cols, findings);
  check_probe(kernels, findings);
}

}  // namespace ingot::emulator
