// The matrix kernels beside float64 sums of the decoded weights and the codes that they are given, at odd shapes.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "emulator/kernels.h"
#include "backends/gpu/tiles.h"

namespace ingot::emulator {

namespace {

using gpu::Entry;
using gpu::GemvLaunch;

constexpr float epsilon = 1e-5f;

const gpu::FormatTiles& tiles_of(const quant::Format& format) {
  return *gpu::format_tiles()[&format - quant::formats().data()];
}

Entry gemv(const quant::Format& f, int tokens, const char* out, int matrices = 1) {
  return {"gemv", {std::to_string(tokens), out}, std::vector<const quant::Format*>(matrices, &f)};
}
Entry gemv_one(const quant::Format& f, int rows, const char* input, const char* out, int matrices = 1) {
  return {"gemv_one", {std::to_string(rows), input, out}, std::vector<const quant::Format*>(matrices, &f)};
}
Entry gemm(const quant::Format& f, int tokens, const char* out, int matrices = 1) {
  return {"gemm", {std::to_string(tokens), out}, std::vector<const quant::Format*>(matrices, &f)};
}
Entry gemv_few(const quant::Format& f, int tokens, bool kept, const char* out, int matrices = 1) {
  return {"gemv_few", {std::to_string(tokens), kept ? "1" : "0", out}, std::vector<const quant::Format*>(matrices, &f)};
}
const Entry prepare_entry{"prepare", {}, {}};

// Of gemm: those that devices of the dialect use.
std::span<const int> passes(bool copies_overlap) { return std::span(gpu::gemm_passes).first(copies_overlap ? 4 : 3); }

// Random weights as file rows; random bytes that stand for numbers of some sense where the format has no encoder.
std::vector<std::byte> random_rows(const quant::Format& f, int rows, int cols, std::mt19937& random) {
  std::vector<std::byte> file(f.row_bytes(cols) * rows);
  std::vector<float> weights(size_t(rows) * cols);
  if (f.encode) {
    std::normal_distribution<float> normal(0, 0.02f);
    for (float& x : weights) x = normal(random);
    f.encode(weights.data(), file.data(), int64_t(weights.size()));
    return file;
  }
  for (size_t at = 0; at < file.size(); at += f.block_bytes) {
    bool sensible = false;
    while (!sensible) {
      for (int i = 0; i < f.block_bytes; i++) file[at + i] = std::byte(random());
      f.decode(&file[at], weights.data(), f.block);
      sensible = std::all_of(weights.begin(), weights.begin() + f.block, [](float x) { return std::fabs(x) < 100; });
    }
  }
  return file;
}

// A matrix of the format, as decoded and as a kernel reads it.
struct Matrix {
  int rows, cols;
  std::vector<float> weights;
  const unsigned char* packed;
  Matrix(const quant::Format& f, int rows, int cols, Regions& memory, std::mt19937& random)
      : rows(rows), cols(cols), weights(size_t(rows) * cols) {
    std::vector<std::byte> file = random_rows(f, rows, cols, random);
    f.decode(file.data(), weights.data(), int64_t(weights.size()));
    const auto* bytes = reinterpret_cast<const unsigned char*>(file.data());
    const gpu::FormatTiles& tiles = tiles_of(f);
    if (!tiles.tile_bytes) {
      packed = memory.make_settled(std::vector<unsigned char>(bytes, bytes + file.size()));
      return;
    }
    int groups = (rows + 31) / 32;
    int64_t group_bytes = int64_t(cols / f.block) * tiles.tile_bytes;
    std::vector<unsigned char> to(size_t(groups * group_bytes));
    for (int g = 0; g < groups; g++)
      tiles.pack(bytes + g * 32 * f.row_bytes(cols), int64_t(f.row_bytes(cols)), std::min(32, rows - 32 * g), cols,
                 to.data() + g * group_bytes);
    packed = memory.make_settled(to);
  }
};

// Inputs of `tokens`, times the weights of a norm, as a projection has them: floats, and what `prepare` has made of
// them.
struct Input {
  int tokens, cols;
  const gpu::i32* rows;
  const float *x, *norm, *inverse;
  gpu::DeviceActivations codes;
  std::vector<double> values, normed;  // what kernels multiply with; the same times 1 / rms
  Input(Kernels& kernels, bool coded, int tokens, int cols, Regions& memory, std::mt19937& random, Findings& findings)
      : tokens(tokens), cols(cols) {
    std::normal_distribution<float> normal(0, 1);
    std::vector<float> from(size_t(tokens) * cols), weights(cols);
    for (float& v : from) v = normal(random);
    for (float& v : weights) v = 1 + 0.1f * normal(random);
    rows = memory.make_settled(std::vector<gpu::i32>{tokens});
    x = memory.make(from), norm = memory.make(weights);
    codes = {memory.make<gpu::i8>(from.size()), memory.make<float>(from.size() / 32),
             memory.make<gpu::i32>(from.size() / 16)};
    float* to = memory.make<float>(size_t(tokens));
    inverse = to;
    kernels.run(prepare_entry, tokens, gpu::prepare_warps * 32, sizeof(gpu::NormShared),
                gpu::PrepareLaunch{rows, x, norm, codes, to, cols, epsilon}, memory);
    values.resize(from.size()), normed.resize(from.size());
    for (int t = 0; t < tokens; t++) {
      double squares = 0;
      for (int i = 0; i < cols; i++) squares += double(from[t * cols + i]) * from[t * cols + i];
      const double factor = 1 / std::sqrt(squares / cols + epsilon);
      findings.expect(std::fabs(inverse[t] - factor) <= 1e-6 * factor,
                      fmt::format("prepare: 1 / rms is {} for {}", inverse[t], factor));
      for (int i = 0; i < cols; i++) {
        int at = t * cols + i;
        double exact = from[at] * weights[i], scale = codes.scales[i / 32 * tokens + t],
               coded_value = double(codes.codes[code_at(tokens, t, i)]) * scale;
        findings.expect(std::fabs(coded_value - exact) <= 0.5001 * scale + 1e-5 * std::fabs(exact),
                        fmt::format("prepare: {} for {}", coded_value, exact));
        values[at] = coded ? coded_value : double(from[at] * weights[i]), normed[at] = values[at] * factor;
      }
    }
    for (size_t s = 0; s < from.size() / 16; s++) {
      int sum = 0;
      for (int i = 0; i < 16; i++) sum += codes.codes[16 * s + i];  // sums lie as their codes do
      findings.expect(sum == codes.sums[s], "prepare: a sum of codes");
    }
  }
};

struct Exact {
  double value, size;  // Σ, Σ of magnitudes
};
Exact product(const Matrix& m, const std::vector<double>& x, int row, int token) {
  Exact e{0, 0};
  for (int k = 0; k < m.cols; k++) {
    double p = double(m.weights[size_t(row) * m.cols + k]) * x[size_t(token) * m.cols + k];
    e.value += p, e.size += std::fabs(p);
  }
  return e;
}
bool near(double got, Exact exact) { return std::fabs(got - exact.value) <= 3e-6 * exact.size + 1e-30; }

class Checker {
 public:
  Checker(Kernels& kernels, const quant::Format& format, Findings& findings)
      : kernels_(kernels), f_(format), findings_(findings), coded_(tiles_of(format).tile_bytes > 0) {}

  // y = W x of two matrices with bias and factor, stored or added to.
  void store(int rows, int cols, int tokens) {
    Regions memory;
    Matrix a(f_, rows, cols, memory, random_), b(f_, 33, cols, memory, random_);
    Input x(kernels_, coded_, tokens, cols, memory, random_, findings_);
    std::vector<float> bias(rows);
    for (int r = 0; r < rows; r++) bias[r] = 0.25f * float(r % 7);
    GemvLaunch p = launch(x);
    const float* bias_at = memory.make(bias);
    float *ya = memory.make<float>(size_t(rows) * tokens), *yb = memory.make<float>(33 * size_t(tokens));
    p.segment[0] = {a.packed, bias_at, ya, rows, 0, 0.5f}, p.segment[1] = {b.packed, nullptr, yb, 33, 0, 1.0f},
    p.segments = 2;
    auto check = [&](const Entry& entry, const std::vector<double>& values, int times) {
      for (int t = 0; t < tokens; t++) {
        for (int r = 0; r < rows; r++) {
          Exact e = product(a, values, r, t);
          e = {times * (0.5 * e.value + bias[r]), times * (e.size + bias[r])};
          findings_.expect(near(ya[t * rows + r], e),
                           fmt::format("{} {}: {}x{}, token {} row {}: {} for {}", f_.name, entry.type(), rows, cols, t,
                                       r, ya[t * rows + r], e.value));
        }
        for (int r = 0; r < 33; r++) {
          Exact e = product(b, values, r, t);
          e = {times * e.value, times * e.size};
          findings_.expect(near(yb[t * 33 + r], e), fmt::format("{} {}: second matrix, token {} row {}: {} for {}",
                                                                f_.name, entry.type(), t, r, yb[t * 33 + r], e.value));
        }
      }
    };
    if (tokens > 1) check_rows_past(p, rows, memory);
    std::vector<float> bits;
    for (const Way& way : ways(tokens, cols)) {
      Entry stored = way.entry("store_out", 2), added = way.entry("add_out", 2);
      const std::vector<double>& values = way.copies() ? x.values : x.normed;
      run(stored, way, p, memory), check(stored, values, 1);
      if (!way.copies()) {
        const std::vector<float> here(ya, ya + size_t(rows) * tokens);
        if (bits.empty()) bits = here;
        findings_.expect(same_bits(here, bits), fmt::format("{} {}: {}x{}, {} tokens: other bits than {}", f_.name,
                                                            stored.type(), rows, cols, tokens, "another kernel"));
      }
      run(added, way, p, memory), check(added, values, 2);
    }
    for (int t = 0; tokens > 1 && t < tokens; t += tokens - 1)
      check_alone(p, t, {&bits[size_t(t) * rows], size_t(rows)}, memory);
  }

  // activation(gate) · up, and its codes.
  void gate(int rows, int cols, int tokens) {
    Regions memory;
    Matrix gate(f_, rows, cols, memory, random_), up(f_, rows, cols, memory, random_);
    Input x(kernels_, coded_, tokens, cols, memory, random_, findings_);
    GemvLaunch p = launch(x);
    size_t n = size_t(rows) * tokens;
    float* y = memory.make<float>(n);
    p.segment[0] = {gate.packed, nullptr, y, rows, 0, 4.0f},
    p.segment[1] = {up.packed, nullptr, nullptr, rows, 0, 1.0f}, p.segments = 2;
    p.out = {memory.make<gpu::i8>(n), memory.make<float>(n / 32), memory.make<gpu::i32>(n / 16)};
    for (const Way& way : ways(tokens, cols)) {
      if (way.rows < gpu::group_rows) continue;  // codes need a whole chunk of rows
      Entry entry = way.entry("gate_out<silu_of>", 2);
      run(entry, way, p, memory);
      for (int t = 0; t < tokens; t++)
        for (int r = 0; r < rows; r++) {
          const std::vector<double>& values = way.copies() ? x.values : x.normed;
          Exact g = product(gate, values, r, t), u = product(up, values, r, t);
          double z = 4 * g.value, exact = z / (1 + std::exp(-z)) * u.value,
                 error = 3e-6 * (4.4 * g.size * std::fabs(u.value) + std::fabs(z) * u.size) + 1e-6 * std::fabs(exact);
          int at = t * rows + r;
          findings_.expect(std::fabs(y[at] - exact) <= error,
                           fmt::format("{} {}: token {} row {}: {} for {}", f_.name, entry.type(), t, r, y[at], exact));
          double scale = p.out.scales[r / 32 * tokens + t];
          findings_.expect(std::fabs(double(p.out.codes[code_at(tokens, t, r)]) * scale - y[at]) <= 0.5001 * scale,
                           fmt::format("{} {}: a code", f_.name, entry.type()));
        }
    }
  }

  void embed() {
    Regions memory;
    int cols = (288 + f_.block - 1) / f_.block * f_.block;
    std::vector<std::byte> file = random_rows(f_, 5, cols, random_);
    std::vector<float> decoded(5 * size_t(cols));
    f_.decode(file.data(), decoded.data(), int64_t(decoded.size()));
    const auto* bytes = reinterpret_cast<const unsigned char*>(file.data());
    const int tokens[] = {4, 0, 2};
    std::vector<gpu::i32> ints(4 + 8 * 3);
    ints[0] = 3;
    for (int t = 0; t < 3; t++) ints[size_t(4 + 8 * t)] = tokens[t];
    constexpr int space = 4;
    float* out = memory.make(std::vector<float>(space * size_t(cols), 7));
    int runs = (cols + gpu::embed_cols - 1) / gpu::embed_cols;
    gpu::DeviceBatch batch{reinterpret_cast<gpu::BatchHeader*>(memory.make_settled(ints)), nullptr, 0};
    kernels_.run(
        {"embed", {}, {&f_}}, space * runs, gpu::embed_cols, sizeof(gpu::EmbedShared),
        gpu::EmbedLaunch{batch, memory.make(std::vector<unsigned char>(bytes, bytes + file.size())), out, cols, 2.0f},
        memory);
    for (int t = 0; t < space; t++)
      for (int i = 0; i < cols; i++) {
        float expected = t < 3 ? 2 * decoded[tokens[t] * cols + i] : 7;
        findings_.expect(out[t * cols + i] == expected,
                         fmt::format("{} embed: {} for {}", f_.name, out[t * cols + i], expected));
      }
  }

 private:
  struct Way {
    enum Kernel { one, few, on_tiles, many } kernel;
    int pass, rows;
    const char* input;  // of one
    int cores, batch;   // of one: thread groups at most, and row groups between two meetings; of on_tiles: thread
                        // groups, and whether the input is kept
    const quant::Format* f;
    bool copies() const { return kernel == one && std::string(input) == "copied"; }
    Entry entry(const char* out, int matrices) const {
      if (kernel == one) return gemv_one(*f, rows, input, out, matrices);
      if (kernel == on_tiles) return gemv_few(*f, pass, batch != 0, out, matrices);
      return kernel == many ? gemm(*f, pass, out, matrices) : gemv(*f, pass, out, matrices);
    }
  };
  static bool same_bits(std::span<const float> a, std::span<const float> b) {
    return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size_bytes()) == 0;
  }
  // Token t of the launch has the bits that it has by itself.
  void check_alone(GemvLaunch p, int t, std::span<const float> expected, Regions& memory) {
    p.rows = memory.make_settled(std::vector<gpu::i32>{1});
    p.x += int64_t(t) * p.cols, p.tokens = 1;
    const float* y = p.segment[0].y = memory.make<float>(expected.size());
    p.segment[1].y = memory.make<float>(33);
    for (const Way& way : ways(1, p.cols)) {
      if (way.kernel != Way::one || way.copies()) continue;
      const Entry entry = way.entry("store_out", 2);
      run(entry, way, p, memory);
      findings_.expect(
          same_bits({y, expected.size()}, expected),
          fmt::format("{} {}: {} columns: other bits than among {} tokens", f_.name, entry.type(), p.cols, t + 1));
    }
  }
  // A launch that was recorded for more tokens than there are leaves the others as they are.
  void check_rows_past(GemvLaunch p, int rows, Regions& memory) {
    const int there = (p.tokens + 1) / 2;
    p.rows = memory.make_settled(std::vector<gpu::i32>{there});
    for (const Way& way : ways(p.tokens, p.cols)) {
      float* y = p.segment[0].y = memory.make(std::vector<float>(size_t(rows) * size_t(p.tokens), 1e30f));
      run(way.entry("store_out", 2), way, p, memory);
      for (int t = 0; t < p.tokens; t++)
        for (int r = 0; r < rows; r++)
          findings_.expect((y[t * rows + r] == 1e30f) == (t >= there),
                           fmt::format("{}: token {} of {} in a launch for {}", f_.name, t, there, p.tokens));
    }
  }
  std::vector<Way> ways(int tokens, int cols) const {
    if (tokens == 1) {
      std::vector<Way> all{{Way::few, 1, 32, "", 0, 0, &f_},
                           {Way::one, 1, 32, "normed", 3, 1, &f_},
                           {Way::one, 1, 16, "normed", 2, 3, &f_}};
      if (coded_)
        all.insert(all.end(), {{Way::one, 1, 32, "copied", 1, 2, &f_}, {Way::one, 1, 16, "copied", 2, 2, &f_}});
      return all;
    }
    std::vector<Way> all;
    if (coded_ && kernels_.copies_overlap() && gpu::fits_few(tokens, cols))
      for (int kept : {1, 0})
        all.push_back({Way::on_tiles, gpu::few_group(32, tokens).tokens, 32, "", 3 - kept, kept, &f_});
    if (tokens <= int(gpu::max_tokens_per_pass)) {
      all.push_back({Way::few, tokens <= 2 ? 2 : tokens <= 4 ? 4 : 8, 32, "", 0, 0, &f_});
      return all;
    }
    if (!coded_) return {{Way::few, 8, 32, "", 0, 0, &f_}};
    for (int pass : passes(kernels_.copies_overlap()))
      if (tokens <= 32 ? pass <= 32 : pass > 32) all.push_back({Way::many, pass, gpu::gemm_rows, "", 0, 0, &f_});
    return all;
  }
  GemvLaunch launch(const Input& x) const {
    GemvLaunch p = {};
    p.rows = x.rows, p.x = x.x, p.norm = x.norm, p.inverse = x.inverse, p.codes = x.codes, p.cols = x.cols,
    p.tokens = x.tokens, p.epsilon = epsilon;
    return p;
  }
  void run(const Entry& entry, const Way& way, GemvLaunch p, const Regions& memory) {
    bool gate = entry.arguments.back().starts_with("gate"), many = way.kernel == Way::many;
    int groups = 0, rows = many && gate ? way.rows / 2 : way.rows;
    for (int s = 0; s < p.segments; s++) {
      p.segment[s].groups = (p.segment[s].rows + rows - 1) / rows;
      if (!gate || s == 0) groups += p.segment[s].groups;
    }
    if (way.kernel == Way::one) {
      p.batch = way.batch;
      int sums = way.batch * way.rows * gpu::one_token_warps * (gate ? 2 : 1);
      kernels_.run(entry, std::min(groups, way.cores), gpu::one_token_warps * 32,
                   gpu::one_token_shared_bytes(coded_ ? p.cols : 0, sums) + gpu::ring_bytes(), p, memory);
      return;
    }
    if (way.kernel == Way::on_tiles) {
      const size_t room =
          way.batch ? size_t(gpu::few_kept_bytes(p.cols, way.pass)) + gpu::few_warps * gpu::few_kept_ring_bytes
                    : size_t{gpu::few_warps} * gpu::few_ring_bytes;
      return kernels_.run(entry, std::min(groups, way.cores) * ((p.tokens + way.pass - 1) / way.pass),
                          gpu::few_warps * 32, sizeof(gpu::GemvFewShared) + room, p, memory);
    }
    groups *= (p.tokens + way.pass - 1) / way.pass;
    if (!many) return kernels_.run(entry, groups, gpu::split_warps * 32, sizeof(gpu::GemvShared), p, memory);
    const bool overlap = kernels_.copies_overlap();
    const gpu::GemmGroup group = gpu::gemm_group(way.pass, overlap, f_.group < 32);
    kernels_.run(entry, groups, uint32_t(group.threads),
                 group.shared_bytes_with(f_.block / 32, tiles_of(f_).tile_bytes, overlap), p, memory);
  }

  Kernels& kernels_;
  const quant::Format& f_;
  Findings& findings_;
  bool coded_;
  std::mt19937 random_{1};
};

}  // namespace

std::vector<Entry> matrix_entries(const quant::Format& f, bool copies_overlap) {
  bool coded = tiles_of(f).tile_bytes > 0;
  std::vector<Entry> all{prepare_entry, {"embed", {}, {&f}}};
  auto add = [&](int rows, auto entry) {
    for (const char* out : {"store_out", "add_out"}) all.push_back(entry(out));
    if (rows == gpu::group_rows) all.push_back(entry("gate_out<silu_of>"));
  };
  for (int pass : {1, 2, 4, 8}) add(32, [&](const char* out) { return gemv(f, pass, out, 2); });
  for (int rows : {32, 16}) add(rows, [&](const char* out) { return gemv_one(f, rows, "normed", out, 2); });
  if (coded) {
    for (int rows : {32, 16}) add(rows, [&](const char* out) { return gemv_one(f, rows, "copied", out, 2); });
    for (const char* out : {"store_out", "add_out", "gate_out<silu_of>"}) {
      for (int pass : passes(copies_overlap)) all.push_back(gemm(f, pass, out, 2));
      for (int tokens : {8, 16, 32})
        for (bool kept : {true, false})
          if (copies_overlap) all.push_back(gemv_few(f, tokens, kept, out, 2));
    }
  }
  return all;
}

void check_matrices(Kernels& kernels, const quant::Format& format, Findings& findings) {
  Checker check(kernels, format, findings);
  auto cols = [step = std::max(format.block, 32)](int about) { return (about + step - 1) / step * step; };
  for (int tokens : {1, 2, 3, 7}) check.store(70, cols(300), tokens);
  for (int tokens : {1, 2}) check.store(20, cols(1300), tokens);  // long enough to be read ahead, with a rest
  check.store(130, cols(2500), 1);
  check.store(1, cols(32), 1), check.store(33, cols(600), 19), check.store(70, cols(600), 8),
      check.store(33, cols(600), 12), check.store(33, cols(1300), 28), check.store(70, cols(100), 64),
      check.store(65, cols(32), 65);
  for (int tokens : {1, 2, 4, 8, 16, 17, 64, 66}) check.gate(96, cols(160), tokens);
  check.embed();
}

}  // namespace ingot::emulator
