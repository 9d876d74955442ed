// One token from the cache, on one core: for every format that both know, the composed kernel beside the dot product
// that a build of ggml has for it (`vec_dot` of its type, with the activations that it wants). Rounds alternate between
// the two; medians of the rounds.
//   bench_dots LIBRARY [ROUNDS]        LIBRARY: libggml-cpu.so of a build of llama.cpp (bench/peers/build.py makes one)
//   stdout: [{"format", "isa", "weights_per_s", "ggml_weights_per_s", "ratio"}], ratio: ours over ggml's
#include <dlfcn.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string_view>
#include <vector>

#include "backends/cpu/kernels.h"
#include "backends/cpu/layout.h"
#include "cached.h"
#include "quant/format.h"

namespace ingot::cpu {
namespace {

constexpr double round_seconds = 0.004;

// What ggml's public header (ggml-cpu.h, 2026-06) says about a type.
struct Traits {
  void (*from_float)(const float* x, void* y, int64_t n);
  void (*vec_dot)(int n, float* sum, size_t, const void* x, size_t, const void* y, size_t, int rows);
  int vec_dot_type;
  int64_t rows;
};

struct Ggml {
  const Traits* (*traits)(int type);
  size_t (*row_size)(int type, int64_t n);

  explicit Ggml(const char* path) {
    void* library = dlopen(path, RTLD_NOW | RTLD_GLOBAL);
    auto find = [&](const char* name) {
      void* at = library ? dlsym(library, name) : nullptr;
      if (!at)
        std::fprintf(stderr,
                     "[bench] ggml cannot be used; got %s; expected libggml-cpu.so of a build of llama.cpp; "
                     "bench/peers/build.py makes one\n",
                     dlerror()),
            std::exit(1);
      return at;
    };
    traits = reinterpret_cast<decltype(traits)>(find("ggml_get_type_traits_cpu"));
    row_size = reinterpret_cast<decltype(row_size)>(find("ggml_row_size"));
    reinterpret_cast<void (*)()>(find("ggml_cpu_init"))();
  }
};

// Weights a second of one round of `pass`, which computes `rows` rows.
template <class Pass> double rate(int64_t rows, const Pass& pass) {
  auto start = std::chrono::steady_clock::now();
  double seconds = 0;
  int64_t passes = 0;
  for (; seconds < round_seconds; passes++)
    pass(), seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return double(rows * cols * passes) / seconds;
}

double median(std::vector<double> v) {
  std::nth_element(v.begin(), v.begin() + static_cast<int64_t>(v.size()) / 2, v.end());
  return v[v.size() / 2];
}

nlohmann::json compare(const Isa& isa, const quant::Format& format, const Ggml& ggml, int rounds) {
  const Traits* traits = ggml.traits(static_cast<int>(format.id));
  if (!traits || !traits->vec_dot) return nullptr;
  std::vector<float> x(cols, 0.03f), y(gemv_max_rows), scales(cols / 32, 0.01f);
  std::vector<i8> codes(cols, 3);
  std::vector<i16> sums(cols / 16, 48);

  const MatrixView call{
      .format = &format, .data = nullptr, .rows = gemv_max_rows, .cols = cols, .row_bytes = format.row_bytes(cols)};
  const Placement placement = place(format, isa, true);
  int64_t call_bytes = static_cast<int64_t>(placement.resident ? placement.resident_bytes(call)
                                                               : capped_product(int(gemv_max_rows), call.row_bytes));
  int64_t rows = std::max<int64_t>(1, cached_bytes / call_bytes) * gemv_max_rows;
  auto composed = [&](Prefetch prefetch) {
    for (int64_t r = 0; r < rows; r += gemv_max_rows)
      placement.run()({weights(),
                       cols,
                       r,
                       gemv_max_rows,
                       {codes.data(), scales.data(), sums.data(), x.data()},
                       0,
                       1,
                       1,
                       y.data(),
                       prefetch});
  };
  std::vector<u8> input(ggml.row_size(traits->vec_dot_type, cols));
  if (const Traits* of_input = ggml.traits(traits->vec_dot_type); of_input && of_input->from_float)
    of_input->from_float(x.data(), input.data(), cols);
  else
    std::copy_n(reinterpret_cast<const u8*>(x.data()), input.size(), input.data());
  int64_t file_row = static_cast<int64_t>(format.row_bytes(cols)),
          ggml_rows = std::max<int64_t>(1, cached_bytes / file_row);
  auto dots = [&] {
    for (int64_t r = 0; r < ggml_rows; r++)
      traits->vec_dot(cols, &y[r % gemv_max_rows], 0, weights() + r * file_row, 0, input.data(), 0, 1);
  };

  std::vector<double> ours, theirs;
  for (int n = 0; n < rounds; n++) {
    double best = 0;
    for (const Prefetch& prefetch : prefetch_policies) best = std::max(best, rate(rows, [&] { composed(prefetch); }));
    ours.push_back(best), theirs.push_back(rate(ggml_rows, dots));
  }
  return {{"format", format.name},
          {"isa", isa.name},
          {"weights_per_s", median(ours)},
          {"ggml_weights_per_s", median(theirs)},
          {"ratio", median(ours) / median(theirs)}};
}

}  // namespace
}  // namespace ingot::cpu

int main(int argc, char** argv) {
  using namespace ingot;
  if (argc < 2) return std::fprintf(stderr, "usage: bench_dots LIBRARY [ROUNDS]\n"), 2;
  cpu::Ggml ggml(argv[1]);
  int rounds = argc > 2 ? std::max(1, std::atoi(argv[2])) : 11;
  const cpu::Isa& isa = cpu::find_isa("");
  nlohmann::json rows = nlohmann::json::array();
  for (const quant::Format& format : quant::formats()) {
    if (std::string_view(format.space) != "ggml") continue;
    nlohmann::json row = cpu::compare(isa, format, ggml, rounds);
    if (!row.is_null()) rows.push_back(row);
  }
  std::puts(rows.dump(1).c_str());
}
