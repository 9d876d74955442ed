// Quality and speed of encoding, beside ggml's: for every format that both know, the weights of a file are encoded by
// the kernels of this machine and by a build of ggml (ggml_quantize_chunk), on one core, with and without importance.
// The encoded blocks are decoded by ingot's reference, whose values are ggml's bit for bit.
//   bench_encode LIBRARY WEIGHTS [FORMAT…]     LIBRARY: libggml-base.so of a build of llama.cpp (bench/peers/build.py)
//                                              WEIGHTS: what bench/encode_weights.py writes
//   EACH=1 in the environment: a line per matrix as well
//   stdout: a row per format and importance: relative RMS errors (geometric mean over the matrices), their ratio to
//   ggml's, speeds, their ratio to ggml's
#include <dlfcn.h>
#include <time.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>
#include <vector>

#include "backends/cpu/kernels.h"
#include "backends/cpu/layout.h"
#include "quant/encoding.h"
#include "quant/format.h"

namespace {

using namespace ingot;

struct Matrix {
  std::string name;
  int64_t rows, cols;
  std::vector<float> weights, importance;  // [rows][cols], [cols]
};

std::vector<Matrix> read_weights(const char* path) {
  std::ifstream file(path, std::ios::binary);
  std::vector<Matrix> matrices;
  int64_t head[3];
  while (file.read(reinterpret_cast<char*>(head), sizeof head)) {
    Matrix m = {std::string(size_t(head[0]), ' '), head[1], head[2], {}, {}};
    m.weights.resize(size_t(m.rows * m.cols)), m.importance.resize(size_t(m.cols));
    file.read(m.name.data(), head[0]);
    file.read(reinterpret_cast<char*>(m.weights.data()), m.rows * m.cols * 4);
    file.read(reinterpret_cast<char*>(m.importance.data()), m.cols * 4);
    matrices.push_back(std::move(m));
  }
  return matrices;
}

using Quantize = size_t (*)(int type, const float*, void*, int64_t start, int64_t rows, int64_t cols, const float*);

struct Result {
  double error = 0, seconds = 0;  // relative RMS; of one encoding
};

// Of this thread: other work on the machine takes none of it.
double processor_seconds() {
  timespec t = {};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return double(t.tv_sec) + 1e-9 * double(t.tv_nsec);
}

// The best of a few rounds.
template <class Encode>
Result measure(const quant::Format& f, const Matrix& m, int64_t rows, bool weighted, const Encode& encode) {
  const int64_t n = rows * m.cols;
  std::vector<std::byte> blocks(size_t(n / f.block * f.block_bytes));
  Result r = {0, 1e30};
  for (int round = 0; round < 3; round++) {
    const double start = processor_seconds();
    encode(blocks.data());
    r.seconds = std::min(r.seconds, processor_seconds() - start);
    if (r.seconds > 0.3) break;
  }
  std::vector<float> back(static_cast<size_t>(n));
  f.decode(blocks.data(), back.data(), n);
  double error = 0, sum = 0;
  for (int64_t i = 0; i < n; i++) {
    const double w = weighted ? m.importance[size_t(i % m.cols)] : 1, x = m.weights[size_t(i)], d = x - back[size_t(i)];
    error += w * d * d, sum += w * x * x;
  }
  r.error = std::sqrt(error / sum);  // 0 where all came back exactly
  return r;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return std::fprintf(stderr, "usage: bench_encode LIBRARY WEIGHTS [FORMAT…]\n"), 2;
  void* library = dlopen(argv[1], RTLD_NOW);
  auto quantize = library ? reinterpret_cast<Quantize>(dlsym(library, "ggml_quantize_chunk")) : nullptr;
  if (!quantize) return std::fprintf(stderr, "[bench] ggml cannot be used; got %s\n", dlerror()), 1;
  const std::vector<Matrix> matrices = read_weights(argv[2]);
  const cpu::Isa& isa = cpu::find_isa("");
  const bool each = std::getenv("EACH") != nullptr;
  std::printf("%-8s %-6s %9s %9s %7s %8s %8s %7s\n", "format", "", "error", "ggml's", "ratio", "Mw/s", "ggml's",
              "ratio");
  double product = 0;
  int count = 0;
  for (const quant::Format& f : quant::formats()) {
    if (f.kind == quant::ValueKind::floating || std::strcmp(f.space, "ggml") != 0) continue;
    bool wanted = argc == 3;
    for (int k = 3; k < argc; k++) wanted = wanted || std::strcmp(argv[k], f.name) == 0;
    if (!wanted) continue;
    const quant::Encoding& encoding = quant::Encoding::of(f);
    for (bool weighted : {false, true}) {
      double ours_log = 0, theirs_log = 0, ours_seconds = 0, theirs_seconds = 0, weights = 0, k = 0;
      for (const Matrix& m : matrices) {
        const int64_t rows = std::min<int64_t>(m.rows, f.kind == quant::ValueKind::vector ? 32 : m.rows),
                      n = rows * m.cols;
        std::vector<float> importance(weighted ? size_t(n) : 0), ones(size_t(m.cols), 1.0f);
        for (size_t i = 0; i < importance.size(); i++) importance[i] = m.importance[i % size_t(m.cols)];
        const Result ours = measure(f, m, rows, weighted, [&](std::byte* to) {
          isa.ops->encode({&encoding.form(), m.weights.data(), weighted ? importance.data() : nullptr, n / f.block,
                           reinterpret_cast<u8*>(to)});
        });
        const bool needs = f.kind == quant::ValueKind::vector;  // some of ggml's want an importance
        const Result theirs = measure(f, m, rows, weighted, [&](std::byte* to) {
          quantize(int(f.id), m.weights.data(), to, 0, rows, m.cols,
                   weighted ? m.importance.data()
                   : needs  ? ones.data()
                            : nullptr);
        });
        if (each)
          std::printf("  %-40s %9.6f %9.6f %7.4f\n", m.name.c_str(), ours.error, theirs.error,
                      ours.error / theirs.error);
        const double exact = 1e-9;
        if (ours.error < exact && theirs.error < exact) continue;
        ours_log += std::log(std::max(exact, ours.error)), theirs_log += std::log(std::max(exact, theirs.error)), k++;
        ours_seconds += ours.seconds, theirs_seconds += theirs.seconds, weights += double(n);
      }
      k = std::max(k, 1.0);
      const double ratio = std::exp((ours_log - theirs_log) / k);
      product += std::log(ratio), count++;
      std::printf("%-8s %-6s %9.6f %9.6f %7.4f %8.1f %8.1f %7.2f\n", f.name, weighted ? "imp" : "",
                  std::exp(ours_log / k), std::exp(theirs_log / k), ratio, weights / ours_seconds / 1e6,
                  weights / theirs_seconds / 1e6, theirs_seconds / ours_seconds);
      std::fflush(stdout);
    }
  }
  std::printf("mean ratio of errors %.4f\n", std::exp(product / count));
}
