// The choice of tokens beside float64.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "emulator/kernels.h"

namespace ingot::emulator {

namespace {

using gpu::i32;

// Two outputs of three rows, and space for a third: the first is of a row that is alone, which becomes the row of the
// chosen token.
void check_sample(Kernels& kernels, int vocab, int top, Findings& findings) {
  Regions memory;
  std::mt19937 random(6);
  constexpr int outputs = 2, space = 3;
  std::vector<float> logits = normals(size_t(space) * vocab, random, 3);
  for (int i = 0; i + 9 < vocab; i += 9) logits[i] = logits[i / 2];  // some are equal
  int parts = (vocab + gpu::sample_part - 1) / gpu::sample_part;
  size_t in_parts = size_t(space) * parts;
  std::vector<i32> ints(4 + 8 * 3);
  ints[0] = 3, ints[1] = outputs;
  ints[4 + 4] = 2, ints[12 + 4] = 1;                  // rows of the outputs
  for (int row : {1, 2}) ints[4 + 8 * row + 1] = 10;  // positions
  ints[4 + 8 * 2 + 3] = 1;                            // row 2 is alone
  gpu::SampleLaunch p = {};
  i32* header = memory.make(ints);
  p.batch.header = reinterpret_cast<gpu::BatchHeader*>(header);
  p.logits = memory.make(logits), p.part_logits = memory.make<float>(in_parts * top),
  p.part_ids = memory.make<i32>(in_parts * top);
  p.part_max = memory.make<float>(in_parts), p.part_total = memory.make<float>(in_parts);
  p.best_logits = memory.make<float>(size_t(space) * top), p.best_ids = memory.make<i32>(size_t(space) * top);
  p.log_sum = memory.make(std::vector<float>(space, 7)), p.vocab = vocab, p.parts = parts, p.top = top;
  kernels.run({"sample_parts", {}, {}}, space * parts, gpu::sample_warps * 32, sizeof(gpu::SampleShared), p, memory);
  kernels.run({"sample_best", {}, {}}, space, gpu::sample_warps * 32, sizeof(gpu::SampleShared), p, memory);
  for (int o = 0; o < outputs; o++) {
    const float* row = &logits[size_t(o) * vocab];
    std::vector<int> order(vocab);
    for (int i = 0; i < vocab; i++) order[i] = i;
    std::ranges::sort(order, [&](int a, int b) { return row[a] != row[b] ? row[a] > row[b] : a < b; });
    double sum = 0;
    for (int i = 0; i < vocab; i++) sum += std::exp(double(row[i]) - row[order[0]]);
    for (int k = 0; k < top; k++) {
      int expected = k < vocab ? order[k] : -1, got = p.best_ids[o * top + k];
      findings.expect(got == expected,
                      fmt::format("sample: output {}: {} of {}: {} for {}", o, k, vocab, got, expected));
      if (expected >= 0) findings.expect(p.best_logits[o * top + k] == row[expected], "sample: a logit");
    }
    findings.expect(near(p.log_sum[o], row[order[0]] + std::log(sum), 1e-6), "sample: the logarithm of the sum");
  }
  findings.expect(p.log_sum[outputs] == 7, "sample: wrote past the last output");
  findings.expect(header[4 + 16] == p.best_ids[0] && header[4 + 16 + 1] == 11, "sample: the next row");
  findings.expect(header[4 + 8] == 0 && header[4 + 8 + 1] == 10, "sample: a row that is not alone has changed");
}

// One logit that is not finite, the greatest or not, makes the logarithm of the sum NaN.
void check_sample_planted(Kernels& kernels, float planted, int at, Findings& findings) {
  Regions memory;
  std::mt19937 random(8);
  constexpr int vocab = 3000, parts = (vocab + gpu::sample_part - 1) / gpu::sample_part;
  std::vector<float> logits = normals(vocab, random, 3);
  logits[at] = planted;
  gpu::SampleLaunch p = {};
  p.batch.header =
      reinterpret_cast<gpu::BatchHeader*>(memory.make(std::vector<i32>{1, 1, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0}));
  p.logits = memory.make(logits), p.part_logits = memory.make<float>(parts), p.part_ids = memory.make<i32>(parts);
  p.part_max = memory.make<float>(parts), p.part_total = memory.make<float>(parts),
  p.best_logits = memory.make<float>(1), p.best_ids = memory.make<i32>(1);
  p.log_sum = memory.make<float>(1), p.vocab = vocab, p.parts = parts, p.top = 1;
  kernels.run({"sample_parts", {}, {}}, parts, gpu::sample_warps * 32, sizeof(gpu::SampleShared), p, memory);
  kernels.run({"sample_best", {}, {}}, 1, gpu::sample_warps * 32, sizeof(gpu::SampleShared), p, memory);
  findings.expect(!std::isfinite(p.log_sum[0]),
                  fmt::format("sample: {} among the logits leaves {}", planted, p.log_sum[0]));
}

}  // namespace

void check_samples(Kernels& kernels, Findings& findings) {
  for (int vocab : {5, 1024, 3000})
    for (int top : {1, 5, 64}) check_sample(kernels, vocab, top, findings);
  for (float planted : {NAN, INFINITY, -INFINITY})
    for (int at : {0, 1500, 2999}) check_sample_planted(kernels, planted, at, findings);
}

}  // namespace ingot::emulator
