// The matrix kernel for many tokens on a real GPU: bit for bit beside the reference at odd shapes and at those of a 7
// B model, and how fast it is there, in several shapes (kernels/gemm/gpu/launch.h). Compiling needs NVRTC and no GPU,
// running a driver and no NVRTC:
//   gemm_device compile FOLDER [VARIANT…]     machine code of each variant, into FOLDER
//   gemm_device run FOLDER OUT.json [VARIANT…]   all that FOLDER has, or those
//   gemm_device try FOLDER VARIANT…           a first look at some: one format, two odd shapes
// Leaves with 77 where NVRTC or a GPU is missing.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <optional>
#include <thread>

#include "backends/cuda/compiler.h"
#include "backends/cuda/library.h"
#include "backends/gpu/compose.h"
#include "backends/gpu/parameters.h"
#include "backends/gpu/tiles.h"
#include "device/gemm_reference.h"
#include "ingot/error.h"

namespace ingot::device {
namespace {

namespace fs = std::filesystem;
using gpu::GemvLaunch;
using Address = unsigned long long;

// ---- variants

struct Variant {
  std::string name;
  const char* architecture;
  int tokens, unit_tokens, piece, step, slots, groups_per_core;
  bool ordinary_products;  // mma.sync, where wgmma could be
  // Formats with two sums per chunk: half the tokens for four warps, and half the groups, where that is so in ingot.
  bool halved(const quant::Format& f) const { return f.group < 32 && tokens >= 64; }
  int unit_for(const quant::Format& f) const { return halved(f) ? unit_tokens / 2 : unit_tokens; }
  int threads(const quant::Format& f) const { return tokens / unit_for(f) * gpu::unit_warps * 32; }
  bool fits(const quant::Format& f) const { return threads(f) <= 512; }
};
const std::vector<Variant> variants = {
    {"n128", "sm_90a", 128, 64, 32, 4, 2, 2, false},  {"n128_step2", "sm_90a", 128, 64, 32, 2, 3, 2, false},
    {"n256", "sm_90a", 256, 64, 32, 4, 3, 1, false},  {"n256_step2", "sm_90a", 256, 64, 32, 2, 3, 1, false},
    {"n64", "sm_90a", 64, 64, 32, 2, 3, 4, false},    {"n64_unit32", "sm_90a", 64, 32, 32, 2, 3, 2, false},
    {"n16", "sm_90a", 16, 16, 16, 4, 6, 3, false},    {"n32", "sm_90a", 32, 32, 32, 4, 6, 2, false},
    {"n64_mma", "sm_90a", 64, 64, 32, 2, 3, 4, true}, {"n128_sm90", "sm_90", 128, 64, 32, 2, 3, 2, false},
};
const char* const formats[] = {"q4_0", "q8_0", "q4_k", "q6_k"};
const char* const checked_formats[] = {"q4_0", "q8_0", "q4_k", "q6_k",  "iq4_xs", "q2_k",
                                       "q3_k", "q5_1", "q1_0", "mxfp4", "nvfp4",  "iq2_xs"};
constexpr const char* outs[] = {"store_out", "gate_out<silu_of>"};

bool has_every_format(const Variant& v) { return v.name == "n128" || v.name == "n64" || v.name == "n16"; }

std::string entry_name(const std::string& variant, const std::string& format, bool pair) {
  return variant + "_" + format + (pair ? "_pair" : "");
}

const quant::Format& format_of(const std::string& name) {
  auto found = std::ranges::find(quant::formats(), name, &quant::Format::name);
  if (found == quant::formats().end()) throw Error("test", "no such format", name);
  return *found;
}
const gpu::FormatTiles& tiles_of(const quant::Format& f) { return *gpu::format_tiles()[&f - quant::formats().data()]; }

// The composed text of a variant, with entries for `names`.
std::string text_of(const Variant& v, std::span<const char* const> names) {
  std::vector<gpu::Entry> entries;
  for (const char* name : names) entries.push_back({"gemm", {"16", "store_out"}, {&format_of(name)}});
  std::string text = gpu::compose("cuda", entries).text;
  text.resize(text.find("#line 1 \"entries\""));
  if (v.ordinary_products) {
    constexpr std::string_view wide = "#ifdef __CUDA_ARCH_FEAT_SM90_ALL\n#define OUT_4";
    size_t at = text.find(wide);
    if (at == std::string::npos) throw Error("test", "the text has no wide products");
    text.replace(at, std::string_view("#ifdef __CUDA_ARCH_FEAT_SM90_ALL").size(), "#if 0");
  }
  for (int halves : {1, 2})
    text += fmt::format(
        "struct {}_shape_{} {{ enum {{ tokens = {}, unit_tokens = {}, piece = {}, step = {}, slots = {}, "
        "groups_per_core "
        "= {} }}; }};\n",
        v.name, halves, v.tokens, v.unit_tokens / halves, std::min(v.piece, v.unit_tokens / halves), v.step, v.slots,
        std::max(1, v.groups_per_core / halves));
  for (const char* name : names)
    for (bool pair : {false, true}) {
      if (!v.fits(format_of(name))) continue;
      std::string entry = entry_name(v.name, name, pair);
      text += fmt::format(
          "ENTRY({0}, gemm_of<{1}_shape_{4}, {2}, {3}, {3}, {3}>)\nextern \"C\" __device__ char "
          "shared_of_{0}[sizeof({0}_kernel::Shared)];\n",
          entry, v.name, outs[pair], name, v.halved(format_of(name)) ? 2 : 1);
    }
  return text;
}

int compile(const fs::path& folder, std::span<char*> only) {
  cuda::Compiler compiler(cuda::compiler_names(""));
  if (!compiler.ready()) return std::printf("SKIPPED: %s\n", compiler.missing().c_str()), 77;
  fs::create_directories(folder);
  for (const Variant& v : variants) {
    if (!only.empty() && std::ranges::find(only, v.name, [](char* word) { return std::string(word); }) == only.end())
      continue;
    std::vector<std::byte> code = compiler.compile(
        text_of(v, has_every_format(v) ? std::span<const char* const>(checked_formats) : formats), v.architecture);
    std::ofstream(folder / (v.name + ".cubin"), std::ios::binary)
        .write(reinterpret_cast<const char*>(code.data()), std::streamsize(code.size()));
    std::printf("%s: %zu bytes\n", v.name.c_str(), code.size());
    std::fflush(stdout);
  }
  return 0;
}

// ---- the driver, as far as it is needed here

struct Driver {
  cuda::Library library{{"libcuda.so.1", "libcuda.so"}};
  int (*init)(unsigned) = nullptr;
  int (*device_get)(int*, int) = nullptr;
  int (*device_attribute)(int*, int, int) = nullptr;
  int (*device_name)(char*, int, int) = nullptr;
  int (*retain)(void**, int) = nullptr;
  int (*set_current)(void*) = nullptr;
  int (*allocate)(Address*, size_t) = nullptr;
  int (*release)(Address) = nullptr;
  int (*upload)(Address, const void*, size_t) = nullptr;
  int (*download)(void*, Address, size_t) = nullptr;
  int (*copy)(Address, Address, size_t) = nullptr;
  int (*fill)(Address, unsigned char, size_t) = nullptr;
  int (*module_load)(void**, const void*) = nullptr;
  int (*module_unload)(void*) = nullptr;
  int (*module_function)(void**, void*, const char*) = nullptr;
  int (*module_global)(Address*, size_t*, void*, const char*) = nullptr;
  int (*function_set)(void*, int, int) = nullptr;
  int (*function_get)(int*, int, void*) = nullptr;
  int (*occupancy)(int*, void*, int, size_t) = nullptr;
  int (*launch)(void*, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, void*, void**,
                void**) = nullptr;
  int (*synchronize)() = nullptr;
  int (*event_create)(void**, unsigned) = nullptr;
  int (*event_record)(void*, void*) = nullptr;
  int (*event_wait)(void*) = nullptr;
  int (*event_elapsed)(float*, void*, void*) = nullptr;
  int (*error_text)(int, const char**) = nullptr;
  std::string lacking;

  Driver() {
    auto bind = [&](const char* symbol, auto*& function) {
      if (!library.find(symbol, function) && lacking.empty()) lacking = symbol;
    };
    bind("cuInit", init), bind("cuDeviceGet", device_get), bind("cuDeviceGetAttribute", device_attribute),
        bind("cuDeviceGetName", device_name);
    bind("cuDevicePrimaryCtxRetain", retain), bind("cuCtxSetCurrent", set_current), bind("cuMemAlloc_v2", allocate),
        bind("cuMemFree_v2", release);
    bind("cuMemcpyHtoD_v2", upload), bind("cuMemcpyDtoH_v2", download), bind("cuMemcpyDtoD_v2", copy),
        bind("cuMemsetD8_v2", fill);
    bind("cuModuleLoadData", module_load), bind("cuModuleUnload", module_unload),
        bind("cuModuleGetFunction", module_function), bind("cuModuleGetGlobal_v2", module_global);
    bind("cuFuncSetAttribute", function_set), bind("cuFuncGetAttribute", function_get),
        bind("cuOccupancyMaxActiveBlocksPerMultiprocessor", occupancy);
    bind("cuLaunchKernel", launch), bind("cuCtxSynchronize", synchronize), bind("cuEventCreate", event_create),
        bind("cuEventRecord", event_record);
    bind("cuEventSynchronize", event_wait), bind("cuEventElapsedTime", event_elapsed),
        bind("cuGetErrorString", error_text);
  }
  void check(int status, const std::string& what) const {
    if (status == 0) return;
    const char* text = "?";
    error_text(status, &text);
    throw Error("test", what, text);
  }
};
const Driver& d() {
  static const Driver driver;
  return driver;
}

class Memory {
 public:
  Memory() = default;
  explicit Memory(size_t bytes) : bytes_(bytes) {
    d().check(d().allocate(&at_, bytes), fmt::format("no memory for {} bytes", bytes));
    d().check(d().fill(at_, 0xff, bytes), "memory cannot be filled");
  }
  template <class T> explicit Memory(const std::vector<T>& from) : Memory(from.size() * sizeof(T)) {
    d().check(d().upload(at_, from.data(), bytes_), "no copy to the GPU");
  }
  Memory(Memory&& from) noexcept : at_(std::exchange(from.at_, 0)), bytes_(from.bytes_) {}
  Memory& operator=(Memory&& from) noexcept {
    std::swap(at_, from.at_), std::swap(bytes_, from.bytes_);
    return *this;
  }
  ~Memory() {
    if (at_) d().release(at_);
  }
  template <class T> T* as(size_t offset_bytes = 0) const { return reinterpret_cast<T*>(at_ + offset_bytes); }
  template <class T> std::vector<T> values() const {
    std::vector<T> to(bytes_ / sizeof(T));
    d().check(d().download(to.data(), at_, bytes_), "no copy from the GPU");
    return to;
  }
  void poison() const { d().check(d().fill(at_, 0xff, bytes_), "memory cannot be filled"); }
  Address address() const { return at_; }
  size_t bytes() const { return bytes_; }

 private:
  Address at_ = 0;
  size_t bytes_ = 0;
};

// Codes as kernels read them: along K first (gemv/gpu/launch.h).
struct Codes {
  Memory codes, scales, sums, rows;
  Codes(const reference::Input& x, int tokens) {
    std::vector<int8_t> c(size_t(tokens) * x.cols);
    std::vector<float> s(c.size() / 32);
    std::vector<int32_t> n(c.size() / 16);
    for (int64_t t = 0; t < tokens; t++)
      for (int64_t k = 0; k < x.cols; k += 16) {
        size_t at = size_t(k / 16) * tokens + t;
        std::memcpy(&c[at * 16], &x.codes[t * x.cols + k], 16);
        n[at] = x.sums[(t * x.cols + k) / 16];
        if (k % 32 == 0) s[size_t(k / 32) * tokens + t] = x.scales[(t * x.cols + k) / 32];
      }
    codes = Memory(c), scales = Memory(s), sums = Memory(n), rows = Memory(std::vector<gpu::i32>{tokens});
  }
  gpu::DeviceActivations view() const { return {codes.as<gpu::i8>(), scales.as<float>(), sums.as<gpu::i32>()}; }
};

// ---- one kernel of a variant

class Kernel {
 public:
  Kernel(const Variant& v, void* module, const std::string& format, bool pair) : v_(v), pair_(pair) {
    std::string name = entry_name(v.name, format, pair);
    d().check(d().module_function(&function_, module, name.c_str()), "no kernel " + name);
    Address ignored = 0;
    size_t shared = 0;
    d().check(d().module_global(&ignored, &shared, module, ("shared_of_" + name).c_str()),
              "no size of the memory of " + name);
    const quant::Format& f = format_of(format);
    threads_ = unsigned(v.threads(f));
    shared_bytes_ =
        unsigned(shared) + unsigned(gpu::gemm_tiles_bytes(v.step, v.slots, f.block / 32, tiles_of(f).tile_bytes));
    d().check(d().function_set(function_, 8, int(shared_bytes_)), name + " cannot have its memory");
    d().check(d().function_get(&registers, 4, function_), "no registers"),
        d().check(d().function_get(&local_bytes, 3, function_), "no local memory");
    d().check(d().occupancy(&groups_per_core, function_, int(threads_), shared_bytes_), "no occupancy");
  }
  int rows() const { return pair_ ? gpu::gemm_rows / 2 : gpu::gemm_rows; }
  void launch(GemvLaunch p) const {
    int64_t groups = 0;
    for (int s = 0; s < p.segments; s++) {
      p.segment[s].groups = (p.segment[s].rows + rows() - 1) / rows();
      if (!pair_ || s == 0) groups += p.segment[s].groups;
    }
    void* parameters[] = {&p};
    groups *= (p.tokens + v_.tokens - 1) / v_.tokens;
    d().check(
        d().launch(function_, unsigned(groups), 1, 1, threads_, 1, 1, shared_bytes_, nullptr, parameters, nullptr),
        "a launch failed");
  }
  unsigned shared_bytes() const { return shared_bytes_; }
  int registers = 0, local_bytes = 0, groups_per_core = 0;

 private:
  const Variant& v_;
  bool pair_;
  void* function_ = nullptr;
  unsigned shared_bytes_ = 0, threads_ = 0;
};

// ---- checks

int failures = 0;
void fail(const std::string& what) {
  if (failures++ < 30) std::printf("FAILED: %s\n", what.c_str());
}

// `body(i)` for i below n, on the machine's cores.
void in_parallel(int64_t n, const std::function<void(int64_t)>& body) {
  std::vector<std::thread> threads;
  int64_t count = std::max(1u, std::thread::hardware_concurrency());
  for (int64_t c = 0; c < count; c++)
    threads.emplace_back([&, c] {
      for (int64_t i = c; i < n; i += count) body(i);
    });
  for (std::thread& t : threads) t.join();
}

// A matrix of `rows` rows of which the first `own` are repeated.
struct Weights {
  reference::Matrix of;
  int64_t rows;
  std::vector<uint8_t> packed;
  Weights(const std::string& format, int64_t rows, int64_t cols, int64_t own, uint32_t seed)
      : of(reference::random_matrix(reference::format(format.c_str()), std::min(rows, own), cols, seed)), rows(rows) {
    int64_t group_bytes = cols / of.format->block * of.format->tile_bytes, groups = (rows + 31) / 32,
            own_groups = (of.rows + 31) / 32;
    packed.resize(size_t(groups * group_bytes));
    for (int64_t g = 0; g < groups; g++)
      std::memcpy(&packed[g * group_bytes], &of.packed[g % own_groups * group_bytes], size_t(group_bytes));
  }
};

using Modules = std::vector<std::pair<const Variant*, void*>>;

// Of every row and token, (tokens, rows).
std::vector<float> plain_of(const reference::Matrix& m, const reference::Input& x) {
  std::vector<float> of(size_t(x.tokens * m.rows));
  in_parallel(m.rows, [&](int64_t r) {
    for (int64_t t = 0; t < x.tokens; t++) of[t * m.rows + r] = reference::plain(m, x, r, t);
  });
  return of;
}

// Two matrices of one launch, and, where their rows are whole chunks, gate and up with their codes.
void check_odd(const Modules& modules, const char* name, int64_t rows, int64_t cols, int tokens) {
  const reference::Format& format = reference::format(name);
  cols = (cols + format.block - 1) / format.block * format.block;
  Weights first(name, rows, cols, rows, 7 + uint32_t(rows)), second(name, 33, cols, 33, 5),
      up(name, rows, cols, rows, 99);
  reference::Input x = reference::random_input(tokens, cols, 3);
  std::vector<float> expected = plain_of(first.of, x), expected_second = plain_of(second.of, x),
                     expected_up = plain_of(up.of, x);
  Codes codes(x, tokens);
  Memory weights(first.packed), more(second.packed), up_at(up.packed), y(expected.size() * 4),
      z(expected_second.size() * 4), out_codes(expected.size()), out_scales(expected.size() / 8),
      out_sums(expected.size() / 4);
  for (const auto& [v, module] : modules) {
    if (!has_every_format(*v) && std::ranges::find(formats, std::string_view(name)) == std::end(formats)) continue;
    if (!v->fits(format_of(name))) continue;
    auto wrong = [&](const char* what, size_t at, double got, double wanted) {
      fail(fmt::format("{} {} {}: {}x{}, {} tokens: value {} is {}, expected {}", v->name, name, what, rows, cols,
                       tokens, at, got, wanted));
    };
    y.poison(), z.poison();
    GemvLaunch p = {};
    p.rows = codes.rows.as<gpu::i32>(), p.codes = codes.view(), p.segments = 2, p.cols = int(cols), p.tokens = tokens;
    p.segment[0] = {weights.as<gpu::u8>(), nullptr, y.as<float>(), int(rows), 0, 1.0f},
    p.segment[1] = {more.as<gpu::u8>(), nullptr, z.as<float>(), 33, 0, 2.0f};
    Kernel(*v, module, name, false).launch(p);
    d().check(d().synchronize(), fmt::format("{} {}", v->name, name));
    std::vector<float> got = y.values<float>(), also = z.values<float>();
    for (size_t i = 0; i < got.size(); i++)
      if (!(got[i] == expected[i])) wrong("first", i, got[i], expected[i]);
    for (size_t i = 0; i < also.size(); i++)
      if (!(also[i] == 2 * expected_second[i])) wrong("second", i, also[i], 2 * expected_second[i]);
    if (rows % 32) continue;
    y.poison(), out_codes.poison(), out_scales.poison(), out_sums.poison();
    p.out = {out_codes.as<gpu::i8>(), out_scales.as<float>(), out_sums.as<gpu::i32>()};
    const float small = 0.01f;  // keeps the gate where its activation bends
    p.segment[0] = {weights.as<gpu::u8>(), nullptr, y.as<float>(), int(rows), 0, small},
    p.segment[1] = {up_at.as<gpu::u8>(), nullptr, nullptr, int(rows), 0, 1.0f};
    Kernel(*v, module, name, true).launch(p);
    d().check(d().synchronize(), fmt::format("{} {} pair", v->name, name));
    got = y.values<float>();
    for (size_t i = 0; i < got.size(); i++) {
      double g = double(expected[i]) * small, product = g / (1 + std::exp(-g)) * expected_up[i];
      if (!(std::fabs(got[i] - product) <= 1e-5 * std::fabs(product) + 1e-20)) wrong("pair", i, got[i], product);
    }
    reference::Input coded = reference::quantized(got, tokens, rows);
    std::vector<int8_t> c = out_codes.values<int8_t>();
    std::vector<float> s = out_scales.values<float>();
    std::vector<int32_t> n = out_sums.values<int32_t>();
    for (int64_t t = 0; t < tokens; t++)
      for (int64_t r = 0; r < rows; r++) {
        size_t at = size_t(r / 16) * tokens + t, i = size_t(t * rows + r);
        if (c[at * 16 + r % 16] != coded.codes[i] || n[at] != coded.sums[i / 16] ||
            s[size_t(r / 32) * tokens + t] != coded.scales[i / 32])
          wrong("code", i, c[at * 16 + r % 16], coded.codes[i]);
      }
  }
}

// ---- shapes of a 7 B model

struct Case {
  const char* name;
  std::vector<int64_t> rows;
  int64_t cols;
  bool pair;
  int max_tokens;
};
const Case cases[] = {{"qkv", {3584, 512, 512}, 3584, false, 2048},
                      {"output", {3584}, 3584, false, 2048},
                      {"gate_up", {18944, 18944}, 3584, true, 2048},
                      {"down", {3584}, 18944, false, 2048},
                      {"head", {152064}, 3584, false, 16}};

// Of the first `own` rows, for some tokens.
struct Expected {
  static constexpr int own = 256, step = 67;
  std::vector<float> of;  // (tokens of the sample, own)
  Expected(const reference::Matrix& m, const reference::Input& x) {
    int64_t sample = (x.tokens + step - 1) / step;
    of.resize(size_t(sample * own));
    in_parallel(own, [&](int64_t r) {
      for (int64_t i = 0; i < sample; i++) of[i * own + r] = reference::plain(m, x, r, i * step);
    });
  }
};

std::vector<std::string> rows_of_table;
void say(const std::string& line) {
  std::printf("%s\n", line.c_str());
  std::fflush(stdout);
}

// Milliseconds of a launch: the median of several runs, each of so many launches that they take some milliseconds.
double median_ms(const std::function<void(int)>& launch, int at_once) {
  void *begin = nullptr, *end = nullptr;
  d().check(d().event_create(&begin, 0), "no event"), d().check(d().event_create(&end, 0), "no event");
  auto timed = [&](int times) {
    d().check(d().event_record(begin, nullptr), "no event");
    for (int i = 0; i < times; i++) launch(i % at_once);
    d().check(d().event_record(end, nullptr), "no event");
    d().check(d().event_wait(end), "a launch failed");
    float ms = 0;
    d().check(d().event_elapsed(&ms, begin, end), "no time");
    return double(ms) / times;
  };
  double once = timed(at_once);
  int times = std::clamp(int(8 / std::max(once, 1e-3)), at_once, 400);
  std::vector<double> all;
  for (int i = 0; i < 5; i++) all.push_back(timed(times));
  std::ranges::sort(all);
  return all[2];
}

void measure(const Modules& modules, const char* format, const Case& c, std::string& json) {
  constexpr size_t more_than_cached = size_t(200) << 20;
  int64_t rows = 0;
  for (int64_t r : c.rows) rows += r;
  reference::Input x = reference::random_input(c.max_tokens, c.cols, 11);
  Weights first(format, c.rows[0], c.cols, Expected::own, 1),
      up(format, c.pair ? c.rows[1] : 32, c.cols, Expected::own, 2);
  Expected expected(first.of, x);
  std::optional<Expected> expected_up;
  if (c.pair) expected_up.emplace(up.of, x);
  size_t bytes = first.packed.size() * 2;  // two matrices, or the first for all segments: the others are shorter
  int copies = int(std::clamp<size_t>(more_than_cached / bytes + 1, 1, 24));
  std::vector<Memory> weights;
  for (int i = 0; i < copies; i++)
    weights.emplace_back(first.packed), weights.emplace_back(c.pair ? up.packed : first.packed);
  Memory y(size_t(rows) * c.max_tokens * 4), out_codes(size_t(c.rows[0]) * c.max_tokens),
      out_scales(size_t(c.rows[0]) * c.max_tokens / 8), out_sums(size_t(c.rows[0]) * c.max_tokens / 4);
  for (int tokens : {16, 64, 128, 512, 2048}) {
    if (tokens > c.max_tokens) continue;
    reference::Input part = x;
    part.tokens = tokens;
    Codes codes(part, tokens);
    for (const auto& [v, module] : modules) {
      if (tokens * 4 < v->tokens || tokens > 16 * v->tokens || !v->fits(format_of(format))) continue;
      Kernel kernel(*v, module, format, c.pair);
      auto launch_of = [&](int which) {
        GemvLaunch p = {};
        p.rows = codes.rows.as<gpu::i32>(), p.codes = codes.view(), p.cols = int(c.cols), p.tokens = tokens,
        p.segments = int(c.rows.size());
        size_t at = 0;
        for (size_t s = 0; s < c.rows.size(); s++) {
          p.segment[s] = {weights[2 * which + (s > 0 && c.pair)].as<gpu::u8>(),
                          nullptr,
                          y.as<float>(at),
                          int(c.rows[s]),
                          0,
                          c.pair && s == 0 ? 0.01f : 1.0f};
          at += size_t(c.rows[s]) * tokens * 4;
        }
        if (c.pair) p.out = {out_codes.as<gpu::i8>(), out_scales.as<float>(), out_sums.as<gpu::i32>()};
        return p;
      };
      y.poison();
      kernel.launch(launch_of(0));
      d().check(d().synchronize(), fmt::format("{} {} {}", v->name, format, c.name));
      std::vector<float> got(size_t(c.rows[0]) * tokens);
      d().check(d().download(got.data(), y.address(), got.size() * 4), "no copy from the GPU");
      int before = failures;
      for (int64_t t = 0; t < tokens; t += Expected::step)
        for (int64_t r = 0; r < c.rows[0]; r++) {
          float plain = expected.of[t / Expected::step * Expected::own + r % Expected::own],
                here = got[t * c.rows[0] + r];
          bool same = here == plain;
          if (c.pair) {
            double g = double(plain) * 0.01f,
                   product =
                       g / (1 + std::exp(-g)) * expected_up->of[t / Expected::step * Expected::own + r % Expected::own];
            same = std::fabs(here - product) <= 1e-5 * std::fabs(product) + 1e-20, plain = float(product);
          }
          if (!same)
            fail(fmt::format("{} {} {}, {} tokens: row {}, token {} is {}, expected {}", v->name, format, c.name,
                             tokens, r, t, here, plain));
        }
      double ms = median_ms([&](int which) { kernel.launch(launch_of(which)); }, copies),
             tflops = 2.0 * double(rows) * double(c.cols) * tokens / ms / 1e9;
      bool good = failures == before;
      say(fmt::format(
          "{:5} {:8} {:5} tokens  {:12} {:9.1f} us  {:6.1f} TFLOP/s  {:3} registers {:4} local {:6} shared {} a core{}",
          format, c.name, tokens, v->name, ms * 1e3, tflops, kernel.registers, kernel.local_bytes,
          kernel.shared_bytes(), kernel.groups_per_core, good ? "" : "  WRONG"));
      json += fmt::format(
          "{}{{\"format\": \"{}\", \"case\": \"{}\", \"tokens\": {}, \"variant\": \"{}\", \"us\": {:.2f}, \"tflops\": "
          "{:.2f}, \"registers\": {}, \"local\": {}, \"shared\": {}, \"groups\": {}, \"right\": {}}}",
          json.empty() ? "" : ",\n", format, c.name, tokens, v->name, ms * 1e3, tflops, kernel.registers,
          kernel.local_bytes, kernel.shared_bytes(), kernel.groups_per_core, good);
    }
  }
}

// `out` empty: only a first look.
int run(const fs::path& folder, const fs::path& out, std::span<char*> only) {
  if (!d().library.is_open() || !d().lacking.empty())
    return std::printf("SKIPPED: no driver: %s %s\n", d().library.refusal().c_str(), d().lacking.c_str()), 77;
  if (d().init(0) != 0) return std::printf("SKIPPED: no GPU\n"), 77;
  int device = 0;
  void* context = nullptr;
  d().check(d().device_get(&device, 0), "no GPU"), d().check(d().retain(&context, device), "no context"),
      d().check(d().set_current(context), "no context");
  char name[128] = "";
  d().check(d().device_name(name, sizeof name, device), "no name");
  say(name);
  Modules modules;
  for (const Variant& v : variants) {
    fs::path path = folder / (v.name + ".cubin");
    bool wanted = only.empty() || std::ranges::any_of(only, [&](const char* name) { return v.name == name; });
    if (!wanted || !fs::exists(path)) continue;
    std::ifstream file(path, std::ios::binary);
    std::string code{std::istreambuf_iterator<char>(file), {}};
    void* module = nullptr;
    d().check(d().module_load(&module, code.data()), "the driver does not take " + path.string());
    modules.emplace_back(&v, module);
  }
  if (out.empty()) {
    check_odd(modules, formats[0], 96, 576, 17), check_odd(modules, formats[0], 577, 2560, 140);
    std::printf(failures ? "%d FAILED\n" : "all as expected\n", failures);
    return failures ? 1 : 0;
  }
  for (const char* format : checked_formats) {
    int before = failures;
    for (int64_t cols : {256, 576, 2560})
      for (auto [rows, tokens] : {std::pair{1, 9}, {33, 17}, {96, 65}, {577, 140}})
        if (cols == 2560 ? rows >= 96 : rows < 577) check_odd(modules, format, rows, cols, tokens);
    say(fmt::format("{:8} at odd shapes: {}", format, failures == before ? "the bits of the reference" : "WRONG"));
  }
  std::string json;
  auto write = [&] { std::ofstream(out) << "[\n" << json << "\n]\n"; };
  for (const char* format : formats)
    for (const Case& c : cases) {
      measure(modules, format, c, json);
      write();
    }
  std::printf(failures ? "%d FAILED\n" : "all as expected\n", failures);
  return failures ? 1 : 0;
}

}  // namespace
}  // namespace ingot::device

int main(int argc, char** argv) {
  std::string_view what = argc > 2 ? argv[1] : "";
  try {
    if (what == "compile") return ingot::device::compile(argv[2], std::span(argv + 3, argv + argc));
    if (what == "try") return ingot::device::run(argv[2], "", std::span(argv + 3, argv + argc));
    if (what == "run" && argc > 3) return ingot::device::run(argv[2], argv[3], std::span(argv + 4, argv + argc));
  } catch (const std::exception& e) {
    std::printf("FAILED: %s\n", e.what());
    return 1;
  }
  return std::fprintf(stderr,
                      "gemm_device compile FOLDER [VARIANT…] | run FOLDER OUT.json [VARIANT…] | try FOLDER VARIANT…\n"),
         2;
}
