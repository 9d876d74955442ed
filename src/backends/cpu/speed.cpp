#include "backends/cpu/speed.h"

#include <algorithm>
#include <chrono>

#include "backends/cpu/layout.h"
#include "backends/cpu/machine.h"
#include "backends/cpu/region.h"

namespace ingot::cpu {

namespace {

constexpr int64_t cols = 2048;               // every block size so far divides it
constexpr int64_t cached_bytes = 256 << 10;  // fits the L2 cache of any machine
constexpr int repetitions = 5;
constexpr double min_seconds = 0.02;  // of one measurement

// Beyond the last-level cache; a machine's share of a cache that others use too may be small, so not more than needed.
int64_t memory_bytes() { return std::clamp<int64_t>(2 * cache_bytes(3), 256 << 20, 1 << 30); }

// Tokens whose codes all are one value; speed does not depend on values.
struct Input {
  std::vector<i8> codes = std::vector<i8>(gemv_max_tokens * cols, 3);
  std::vector<float> scales = std::vector<float>(gemv_max_tokens * cols / 32, 0.01f),
                     values = std::vector<float>(gemv_max_tokens * cols, 0.03f);
  std::vector<i16> sums = std::vector<i16>(gemv_max_tokens * cols / 16, 48);
  Activations view() const { return {codes.data(), scales.data(), sums.data(), values.data()}; }
};

struct Matrix {
  void (*gemv)(const GemvParams&);
  const u8* weights;
  int64_t rows;
};

// Weights times tokens per second, best of several measurements.
double rate(const Matrix& m, const Input& in, int tokens, Prefetch prefetch) {
  alignas(64) static thread_local float y[gemv_max_tokens * gemv_max_rows];
  auto pass = [&] {
    for (int64_t row = 0; row < m.rows; row += gemv_max_rows)
      m.gemv({m.weights, cols, row, gemv_max_rows, in.view(), 0, tokens, 1, y, prefetch});
  };
  double best = 0;
  for (int r = 0; r < repetitions; r++) {
    auto start = std::chrono::steady_clock::now();
    double seconds = 0;
    int passes = 0;
    for (; seconds < min_seconds; passes++)
      pass(), seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    best = std::max(best, double(m.rows) * cols * tokens * passes / seconds);
  }
  return best;
}

// Multiply-adds of codes per second in registers alone, best of several measurements.
double multiply_peak(const Isa& isa) {
  constexpr int64_t rounds = 1 << 18;
  double best = 0;
  for (int r = 0; r < 4 * repetitions; r++) {
    auto start = std::chrono::steady_clock::now();
    int64_t done = isa.ops->multiply(rounds);
    best =
        std::max(best, double(done) / std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  return best;
}

}  // namespace

std::vector<plan::FormatSpeed> format_speeds(const plan::Options& options) {
  const Isa& isa = find_isa(options.isa);
  Region region(memory_bytes(), "measuring formats", "close other programs");
  // Bytes that are ordinary numbers of every scale type: halves of 2^-6 … 2^-3, floats of 2^-38 … 2^-7.
  uint32_t state = 1;
  for (int64_t i = 0; i < memory_bytes(); i++)
    region.data()[i] = static_cast<unsigned char>(0x24 + ((state = state * 1664525 + 1013904223) >> 28));
  Input in;
  std::vector<plan::FormatSpeed> speeds;
  for (const quant::Format& format : quant::formats()) {
    const uint64_t row_bytes = format.row_bytes(cols);
    const MatrixView described{
        .format = &format, .data = nullptr, .rows = gemv_max_rows, .cols = cols, .row_bytes = row_bytes};
    const Placement p = place(format, isa, options.repack);
    const uint64_t file_bytes = capped_product(int(gemv_max_rows), row_bytes);
    const double rows_bytes = double(p.resident ? p.resident_bytes(described) : file_bytes);  // of gemv_max_rows rows
    auto matrix = [&](int64_t bytes) {
      return Matrix{p.run(), region.data(), std::max<int64_t>(1, int64_t(double(bytes) / rows_bytes)) * gemv_max_rows};
    };
    plan::FormatSpeed speed{.format = &format,
                            .resident_class = class_name(*p.kernels),
                            .slow = p.slow(),
                            .bytes_per_weight = rows_bytes / double(gemv_max_rows * cols),
                            .cached = 0,
                            .streamed = 0,
                            .batched = 0,
                            .share_of_peak = 0};
    auto one_token = [&](const Matrix& m) {
      double best = 0;
      for (const Prefetch& policy : prefetch_policies) best = std::max(best, rate(m, in, 1, policy));
      return best;
    };
    speed.cached = one_token(matrix(cached_bytes));
    speed.streamed = one_token(matrix(memory_bytes()));
    speed.batched = rate(matrix(cached_bytes), in, gemv_max_tokens, prefetch_policies[0]);
    if (p.kernels->reads_codes) speed.share_of_peak = speed.batched / multiply_peak(isa);
    speeds.push_back(speed);
    if (options.progress) options.progress(double(speeds.size()) / double(quant::formats().size()));
  }
  return speeds;
}

}  // namespace ingot::cpu
