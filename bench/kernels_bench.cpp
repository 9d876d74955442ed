// Every kernel by itself, on one core with its data in the cache: matrix kernels for every format, instruction set of
// this machine, strategy and number of tokens; then the ops that know no format. items_per_second counts weights times
// tokens (of matrices) or elements (of other ops; query · key products for attend), bytes_per_second the bytes of
// weights, vectors or cached keys and values.
//   bench_kernels --benchmark_filter=gemv/avx512/q4_0/resident/1      --benchmark_list_tests shows all names
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "backends/cpu/kernels.h"
#include "cached.h"
#include "quant/format.h"

namespace ingot::cpu {
namespace {

void count(benchmark::State& state, int64_t items, int64_t bytes) {
  state.SetItemsProcessed(state.iterations() * items);
  state.SetBytesProcessed(state.iterations() * bytes);
}

void gemv(benchmark::State& state, void (*kernel)(const GemvParams&), int64_t sixty_four_rows_bytes, int tokens) {
  static std::vector<i8> codes(gemv_max_tokens * cols, 3);
  static std::vector<float> scales(gemv_max_tokens * cols / 32, 0.01f), values(gemv_max_tokens * cols, 0.03f);
  static std::vector<i16> sums(gemv_max_tokens * cols / 16, 48);
  alignas(64) static float y[gemv_max_tokens * gemv_max_rows];
  int64_t calls = std::max<int64_t>(1, cached_bytes / sixty_four_rows_bytes);
  for (auto _ : state) {
    for (int64_t i = 0; i < calls; i++)
      kernel({weights(),
              cols,
              i * gemv_max_rows,
              gemv_max_rows,
              {codes.data(), scales.data(), sums.data(), values.data()},
              0,
              tokens,
              1,
              y});
    benchmark::ClobberMemory();
  }
  count(state, calls * gemv_max_rows * cols * tokens, calls * sixty_four_rows_bytes);
}

void register_gemv(const Isa& isa, const FormatKernels& kernels, const quant::Format& format) {
  struct Strategy {
    const char* name;
    void (*kernel)(const GemvParams&);
    int64_t row_bytes;
  };
  int64_t resident_row_bytes = kernels.lane_rows ? cols / format.block * kernels.tile_bytes / kernels.lane_rows : 0;
  for (const Strategy& s : {Strategy{"resident", kernels.resident, resident_row_bytes},
                            {"from_file", kernels.from_file, static_cast<int64_t>(format.row_bytes(cols))}})
    for (int tokens : {1, 4, 8, int(gemv_max_tokens)})
      if (s.kernel) {
        std::string name = fmt::format("gemv/{}/{}/{}/{}", isa.name, kernels.format, s.name, tokens);
        benchmark::RegisterBenchmark(name.c_str(), gemv, s.kernel, gemv_max_rows * s.row_bytes, tokens);
      }
}

// Vectors of n ordinary numbers; the last use of each keeps its own values ordinary.
std::vector<float> vector(int64_t n) {
  std::vector<float> v(n);
  for (int64_t i = 0; i < n; i++) v[i] = 0.01f * float(i % 201 - 100);
  return v;
}

// Repeats `op` on n elements, of which `bytes` are read and written.
template <class Op> void repeat(benchmark::State& state, int64_t n, int64_t bytes, const Op& op) {
  for (auto _ : state) {
    op();
    benchmark::ClobberMemory();
  }
  count(state, n, bytes);
}

// Pages of one kv_head, one after another: keys, then values.
void attend(benchmark::State& state, const OpKernels& ops, int tokens, int seen) {
  constexpr int heads = 6, head_size = 128, queries = int(attend_max_queries), record = attend_header + head_size;
  const int64_t n_pages = (seen + attend_page - 1) / attend_page, page_halves = 2 * attend_page * head_size;
  std::vector<float> query = vector(tokens * heads * head_size), out(query.size());
  alignas(64) static float run[queries * record], merged[queries * record];
  std::vector<u16> states(n_pages * page_halves);
  ops.store_halves(vector(n_pages * page_halves).data(), static_cast<int>(states.size()), states.data());
  std::vector<i32> pages(n_pages);
  for (int64_t i = 0; i < n_pages; i++) pages[i] = static_cast<i32>(i);
  const AttendParams p{
      .query = query.data(),
      .query_stride = heads * head_size,
      .tokens = tokens,
      .heads = heads,
      .position = seen - tokens,
      .window = 0,
      .keys = reinterpret_cast<const u8*>(states.data()),
      .values = reinterpret_cast<const u8*>(states.data() + n_pages * page_halves / 2),
      .pages = pages.data(),
      .key_page_bytes = page_halves,
      .value_page_bytes = page_halves,
      .key_size = head_size,
      .value_size = head_size,
      .scale = 0.088f,
      .first_run = 0,
      .end_run = seen / attend_run_positions + 1,
      .parts = nullptr,
      .out = out.data(),
      .out_stride = heads * head_size,
      .coded = nullptr,
      .workspace = {
          .run = run, .merged = merged, .values = nullptr, .codes = nullptr, .scales = nullptr, .sums = nullptr}};
  repeat(state, int64_t(tokens) * heads * seen * head_size, 2 * 2 * int64_t(seen) * head_size, [&] { ops.attend(p); });
}

void register_ops(const Isa& isa) {
  constexpr int n = 4096, head_size = 128;
  const OpKernels& ops = *isa.ops;
  auto add = [&](const char* op, const std::string& variant, auto run) {
    benchmark::RegisterBenchmark(fmt::format("{}/{}{}", op, isa.name, variant).c_str(), run);
  };
  add("norm", "", [&](benchmark::State& state) {
    std::vector<float> x = vector(n), w = vector(n), y(n);
    repeat(state, n, 3 * 4 * n, [&] { ops.norm({x.data(), w.data(), n, 1e-5f, y.data()}); });
  });
  add("quantize", "", [&](benchmark::State& state) {
    std::vector<float> x = vector(n), scales(n / 32);
    std::vector<i8> codes(n);
    std::vector<i16> sums(n / 16);
    repeat(state, n, 5 * n + n / 4, [&] { ops.quantize(x.data(), n, codes.data(), scales.data(), sums.data()); });
  });
  for (int halves : {0, 1})
    add("rotate", halves ? "/halves" : "/neighbours", [&, halves](benchmark::State& state) {
      std::vector<float> x = vector(head_size), c(head_size / 2, 0.8f), s(head_size / 2, 0.6f);
      repeat(state, head_size, 3 * 4 * head_size,
             [&] { ops.rotate({x.data(), c.data(), s.data(), head_size, halves}); });
    });
  for (int tokens : {1, 5})
    for (int seen : {512, 4096})
      add("attend", fmt::format("/{}x6/{}", tokens, seen),
          [&, tokens, seen](benchmark::State& state) { attend(state, ops, tokens, seen); });
  for (bool silu : {true, false})
    add(silu ? "gate_silu" : "gate_gelu_tanh", "", [&, silu](benchmark::State& state) {
      std::vector<float> gate = vector(n), up = vector(n), y(n);
      repeat(state, n, 3 * 4 * n,
             [&] { (silu ? ops.gate_silu : ops.gate_gelu_tanh)({gate.data(), up.data(), n, y.data()}); });
    });
  add("store_halves", "", [&](benchmark::State& state) {
    std::vector<float> x = vector(n);
    std::vector<u16> to(n);
    repeat(state, n, 6 * n, [&] { ops.store_halves(x.data(), n, to.data()); });
  });
}

}  // namespace
}  // namespace ingot::cpu

int main(int argc, char** argv) {
  using namespace ingot;
  for (int i = 0; i < cpu::isas().count; i++) {
    const cpu::Isa& isa = *cpu::isas().begin[i];
    if (!isa.supported()) continue;
    for (size_t f = 0; f < quant::formats().size(); f++) cpu::register_gemv(isa, *isa.formats[f], quant::formats()[f]);
    cpu::register_ops(isa);
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
}
