// The matrix kernel for many tokens on a real GPU: every class of format at odd shapes, bit for bit against the plain twin and within
// bounds of float64; stages and launches of several matrices; then its speed beside what the machine can do.
//
//   nvcc -std=c++17 -O2 -arch=sm_90 -I kernels -I formats -I tests tests/device/gemm_device_test.cu tests/device/gemm_reference.cpp -o gemm_device_test
//   ./gemm_device_test [check|speed]
#include <cuda_runtime.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "dialect/cuda.h"
#include "dialect/cuda_tile.h"
#include "dialect/contract.h"
#include "dialect/lane.h"
#include "dialect/quantized.h"
#include "quant/facts.h"
#include "quant/decode.h"
#include "quant/as_table.h"
#include "quant/resident.h"

#include "iq2_xs.h"
#include "iq4_xs.h"
#include "mxfp4.h"
#include "nvfp4.h"
#include "q1_0.h"
#include "q2_k.h"
#include "q3_k.h"
#include "q4_0.h"
#include "q4_k.h"
#include "q5_1.h"
#include "q6_k.h"
#include "q8_0.h"
#include "kernels/made_up_formats.h"

#include "gemv/gpu/launch.h"
#include "gemv/chunk.h"
#include "gemv/gpu/rows_split.h"
#include "gemv/gpu/rows_of_blocks.h"
#include "gemv/gpu/stages.h"
#include "gemm/gpu/launch.h"
#include "gemm/gpu/steps.h"
#include "gemm/gpu/driver.h"

#include "device/gemm_reference.h"

void must(cudaError_t error) {
  if (error == cudaSuccess) return;
  std::printf("FAILED: %s\n", cudaGetErrorString(error));
  std::exit(1);
}

template <class T> struct OnDevice {
  T* at = nullptr;
  size_t count;
  explicit OnDevice(size_t n) : count(n) {
    must(cudaMalloc((void**)&at, n * sizeof(T) + 256));
    must(cudaMemset(at, 0xff, n * sizeof(T)));
  }
  template <class U> explicit OnDevice(const std::vector<U>& from) : OnDevice(from.size()) {
    static_assert(sizeof(T) == sizeof(U));
    must(cudaMemcpy(at, from.data(), count * sizeof(T), cudaMemcpyHostToDevice));
  }
  ~OnDevice() { cudaFree(at); }
  OnDevice(const OnDevice&) = delete;
  std::vector<T> values() const {
    std::vector<T> to(count);
    must(cudaMemcpy(to.data(), at, count * sizeof(T), cudaMemcpyDeviceToHost));
    return to;
  }
};

template <class Kernel> __global__ void __launch_bounds__(Kernel::threads) entry(const __grid_constant__ typename Kernel::Params p) {
  extern __shared__ uint4 room[];
  Kernel::run(p, *(typename Kernel::Room*)room, Place{blockIdx.x, gridDim.x, threadIdx.x});
}
template <class Kernel> void launch(const typename Kernel::Params& p, int groups) {
  entry<Kernel><<<groups, Kernel::threads, sizeof(typename Kernel::Room)>>>(p);
  must(cudaGetLastError());
}

struct Codes {
  OnDevice<i8> codes;
  OnDevice<float> scales;
  OnDevice<i32> sums;
  explicit Codes(const reference::Input& x) : codes(x.codes), scales(x.scales), sums(x.sums) {}
  DeviceActivations view() const { return {codes.at, scales.at, sums.at}; }
};

i32 row_groups(int64_t rows) { return (i32)((rows + gemm_rows - 1) / gemm_rows); }

int failures = 0;
void fail(const char* what, const char* format, int64_t rows, int64_t cols, int64_t tokens, int64_t row, int64_t token, double got, double expected) {
  if (failures++ < 20)
    std::printf("FAILED: %s %s %lldx%lld, %lld tokens: row %lld, token %lld is %.9g, expected %.9g\n", what, format, (long long)rows, (long long)cols, (long long)tokens, (long long)row,
                (long long)token, got, expected);
}

// One matrix, N tokens a group.
template <class F, int N> void check(const char* name, int64_t rows, int64_t cols, int64_t tokens) {
  const reference::Format& format = reference::format(name);
  cols = (cols + format.block - 1) / format.block * format.block;
  reference::Matrix m = reference::random_matrix(format, rows, cols, 7 + (uint32_t)rows);
  reference::Input x = reference::random_input(tokens, cols, 3);
  OnDevice<u8> weights(m.packed);
  Codes codes(x);
  OnDevice<float> y(rows * tokens);
  GemvLaunch p = {};
  p.codes = codes.view();
  p.segment[0] = {weights.at, nullptr, y.at, (i32)rows, row_groups(rows), 1.0f};
  p.segments = 1, p.cols = (i32)cols, p.tokens = (i32)tokens;
  launch<gemm<N, store_out, F>>(p, p.segment[0].groups * (int)((tokens + N - 1) / N));
  std::vector<float> got = y.values();
  for (int64_t r = 0; r < rows; r += std::max<int64_t>(1, rows / 67)) {
    std::vector<reference::Exact> exact = reference::exact(m, x, r);
    for (int64_t t = 0; t < tokens; t++) {
      float plain = reference::plain(m, x, r, t), here = got[t * rows + r];
      if (!(here == plain)) fail("bits", name, rows, cols, tokens, r, t, here, plain);
      if (!(std::fabs(here - exact[t].value) <= exact[t].error)) fail("float64", name, rows, cols, tokens, r, t, here, exact[t].value);
    }
  }
}
template <class F> void check_all(const char* name) {
  int before = failures;
  for (int64_t cols : {256, 576, 896, 2560})
    for (int64_t rows : {1, 33, 577}) check<F, 64>(name, rows, cols, rows == 577 ? 65 : 9);
  for (int64_t tokens : {1, 9, 63, 64, 65}) {
    check<F, 16>(name, 33, 576, tokens);
    check<F, 32>(name, 33, 576, tokens);
    check<F, 64>(name, 33, 576, tokens);
    check<F, 128>(name, 65, 576, tokens + 64);
  }
  std::printf("%-17s %s\n", name, failures == before ? "the bits of the plain twin" : "FAILED");
}

// Three matrices of a launch, each with its format, a bias, a factor.
template <class F0, class F1, class F2> void check_three(const char* n0, const char* n1, const char* n2) {
  const char* names[3] = {n0, n1, n2};
  int64_t rows[3] = {130, 33, 64}, cols = 768, tokens = 70;
  reference::Input x = reference::random_input(tokens, cols, 5);
  Codes codes(x);
  std::vector<reference::Matrix> m;
  std::vector<OnDevice<u8>*> weights;
  std::vector<OnDevice<float>*> y, bias;
  std::vector<std::vector<float>> biases;
  GemvLaunch p = {};
  int groups = 0;
  for (int i = 0; i < 3; i++) {
    m.push_back(reference::random_matrix(reference::format(names[i]), rows[i], cols, 11 + i));
    biases.emplace_back(rows[i]);
    for (float& b : biases[i]) b = 0.25f * (float)(&b - biases[i].data());
    weights.push_back(new OnDevice<u8>(m[i].packed));
    bias.push_back(new OnDevice<float>(biases[i]));
    y.push_back(new OnDevice<float>(rows[i] * tokens));
    p.segment[i] = {weights[i]->at, i == 1 ? nullptr : bias[i]->at, y[i]->at, (i32)rows[i], row_groups(rows[i]), 1.0f + i};
    groups += p.segment[i].groups;
  }
  p.codes = codes.view(), p.segments = 3, p.cols = (i32)cols, p.tokens = (i32)tokens;
  launch<gemm<64, store_out, F0, F1, F2>>(p, groups * 2);
  launch<gemm<64, add_out, F0, F1, F2>>(p, groups * 2);
  int before = failures;
  for (int i = 0; i < 3; i++) {
    std::vector<float> got = y[i]->values();
    for (int64_t t = 0; t < tokens; t++)
      for (int64_t r = 0; r < rows[i]; r++) {
        float plain = std::fmaf(reference::plain(m[i], x, r, t), 1.0f + i, i == 1 ? 0.0f : biases[i][r]), twice = plain + plain, here = got[t * rows[i] + r];
        if (!(std::fabs(here - twice) <= 1e-6f * std::fabs(twice) + 1e-6f)) fail("three", names[i], rows[i], cols, tokens, r, t, here, twice);
      }
    delete weights[i], delete bias[i], delete y[i];
  }
  std::printf("three matrices    %s\n", failures == before ? "with bias, factor, and added to" : "FAILED");
}

// Gate and up, their product and its codes.
template <class F0, class F1> void check_pair(const char* n0, const char* n1) {
  int64_t rows = 608, cols = 512, tokens = 75;
  reference::Input x = reference::random_input(tokens, cols, 5);
  Codes codes(x);
  reference::Matrix gate = reference::random_matrix(reference::format(n0), rows, cols, 1), up = reference::random_matrix(reference::format(n1), rows, cols, 2);
  OnDevice<u8> gate_at(gate.packed), up_at(up.packed);
  OnDevice<float> y(rows * tokens);
  Codes out(reference::Input{tokens, rows, std::vector<float>(rows * tokens / 32), std::vector<int8_t>(rows * tokens), std::vector<int32_t>(rows * tokens / 16)});
  GemvLaunch p = {};
  p.codes = codes.view(), p.out = out.view();
  float small = 0.01f;  // keeps the gate where its activation bends
  p.segment[0] = {gate_at.at, nullptr, y.at, (i32)rows, row_groups(rows), small};
  p.segment[1] = {up_at.at, nullptr, nullptr, (i32)rows, row_groups(rows), 1.0f};
  p.segments = 2, p.cols = (i32)cols, p.tokens = (i32)tokens;
  launch<gemm<64, gate_out<silu_of>, F0, F1>>(p, p.segment[0].groups * 2);
  int before = failures;
  std::vector<float> got = y.values();
  for (int64_t t = 0; t < tokens; t++)
    for (int64_t r = 0; r < rows; r++) {
      double g = reference::plain(gate, x, r, t) * small, product = g / (1 + std::exp(-g)) * reference::plain(up, x, r, t);
      if (!(std::fabs(got[t * rows + r] - product) <= 1e-5 * std::fabs(product) + 1e-20)) fail("pair", n0, rows, cols, tokens, r, t, got[t * rows + r], product);
    }
  reference::Input expected = reference::quantized(got, tokens, rows);
  if (out.codes.values() != std::vector<i8>(expected.codes.begin(), expected.codes.end())) failures++, std::printf("FAILED: codes of gate and up\n");
  if (out.scales.values() != expected.scales || out.sums.values() != expected.sums) failures++, std::printf("FAILED: scales or sums of gate and up\n");
  std::printf("gate and up       %s\n", failures == before ? "and their codes" : "FAILED");
}

// ---- speed

template <class Run> double seconds(Run run) {
  cudaEvent_t begin, end;
  must(cudaEventCreate(&begin)), must(cudaEventCreate(&end));
  double best = 1e9;
  for (int i = 0; i < 6; i++) {  // the first warms up
    int times = 20;
    must(cudaEventRecord(begin));
    for (int k = 0; k < times; k++) run();
    must(cudaEventRecord(end));
    must(cudaEventSynchronize(end));
    float ms = 0;
    must(cudaEventElapsedTime(&ms, begin, end));
    if (i > 0) best = std::min(best, ms / 1e3 / times);
  }
  return best;
}

// What mma.sync alone reaches: independent sums in registers, no memory.
template <bool halves> __global__ void __launch_bounds__(256) matrix_unit_peak(u32* out, int rounds) {
  u32 a[4] = {threadIdx.x, 1, 2, 3}, b[2] = {threadIdx.x, 5}, sum[8][4] = {};
  for (int r = 0; r < rounds; r++)
#pragma unroll
    for (int i = 0; i < 8; i++) {
      if constexpr (halves)
        asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                     : "+r"(sum[i][0]), "+r"(sum[i][1]), "+r"(sum[i][2]), "+r"(sum[i][3])
                     : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
      else
        asm volatile("mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                     : "+r"(sum[i][0]), "+r"(sum[i][1]), "+r"(sum[i][2]), "+r"(sum[i][3])
                     : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
    }
  u32 all = 0;
  for (auto& four : sum)
    for (u32 s : four) all ^= s;
  if (all == 0x12345678u) *out = all;
}
template <bool halves> double peak(int cores) {
  OnDevice<u32> out(1);
  int rounds = 4096, groups = cores * 8;
  double s = seconds([&] { matrix_unit_peak<halves><<<groups, 256>>>(out.at, rounds); });
  return 2.0 * groups * 8 * rounds * 8 * 16 * 8 * (halves ? 16 : 32) / s;
}

template <class F, int N, class Out = store_out> void speed(const char* name, int64_t rows, int64_t cols, int64_t tokens) {
  reference::Matrix m = reference::random_matrix(reference::format(name), 32, cols, 1);
  std::vector<u8> many;
  for (int64_t r = 0; r < rows; r += 32) many.insert(many.end(), m.packed.begin(), m.packed.end());
  OnDevice<u8> weights(many);
  Codes codes(reference::random_input(tokens, cols, 3));
  OnDevice<float> y(rows * tokens);
  GemvLaunch p = {};
  p.codes = codes.view();
  for (int i = 0; i <= Out::pairs; i++) p.segment[i] = {weights.at, nullptr, y.at, (i32)rows, row_groups(rows), 1.0f};
  p.segments = 1 + Out::pairs, p.cols = (i32)cols, p.tokens = (i32)tokens;
  double s = seconds([&] { launch<gemm<N, Out, F>>(p, p.segment[0].groups * (int)((tokens + N - 1) / N)); });
  cudaFuncAttributes attributes;
  must(cudaFuncGetAttributes(&attributes, entry<gemm<N, Out, F>>));
  int resident_groups = 0;
  must(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&resident_groups, entry<gemm<N, Out, F>>, gemm<N, Out, F>::threads, sizeof(GemmRoom<N>)));
  std::printf("%-8s %5lldx%lld%s  %4lld tokens  N %3d  %8.1f us  %6.1f TFLOP/s   %3d registers, %d groups a core\n", name, (long long)rows, (long long)cols, Out::pairs ? " x2" : "   ", (long long)tokens, N, s * 1e6,
              2.0 * rows * cols * tokens * (1 + Out::pairs) / s / 1e12, attributes.numRegs, resident_groups);
}
template <class F> void speeds(const char* name) {
  speed<F, 64>(name, 4096, 4096, 512);
  speed<F, 128>(name, 4096, 4096, 512);
  speed<F, 64>(name, 14336, 4096, 512);
  speed<F, 128>(name, 14336, 4096, 512);
  speed<F, 64, gate_out<silu_of>>(name, 14336, 4096, 512);
}

int main(int count, char** words) {
  const char* what = count > 1 ? words[1] : "";
  if (std::strcmp(what, "speed") != 0) {
#define CHECK(format) check_all<format>(#format);
    CHECK(q4_0) CHECK(q4_k) CHECK(q6_k) CHECK(q8_0) CHECK(iq4_xs) CHECK(q2_k) CHECK(q3_k) CHECK(q5_1) CHECK(q1_0) CHECK(mxfp4) CHECK(nvfp4) CHECK(iq2_xs)
    CHECK(min_by_group) CHECK(sub_min_by_group) CHECK(wide_groups) CHECK(unsigned_bytes) CHECK(eight_values) CHECK(large_subs) CHECK(four_values)
    check_three<q4_k, q4_k, q6_k>("q4_k", "q4_k", "q6_k");
    check_three<q8_0, q2_k, q4_0>("q8_0", "q2_k", "q4_0");
    check_pair<q4_k, q4_k>("q4_k", "q4_k");
    check_pair<q4_0, q8_0>("q4_0", "q8_0");
  }
  if (std::strcmp(what, "check") != 0) {
    cudaDeviceProp device;
    must(cudaGetDeviceProperties(&device, 0));
    size_t bytes = size_t(1) << 30;
    OnDevice<u8> from(bytes), to(bytes);
    double copy = 2.0 * bytes / seconds([&] { must(cudaMemcpyAsync(to.at, from.at, bytes, cudaMemcpyDeviceToDevice)); });
    std::printf("\n%s, %d cores: copies %.2f TB/s; mma.sync reaches %.0f TFLOP/s in f16, %.0f TOP/s in int8\n", device.name, device.multiProcessorCount, copy / 1e12, peak<true>(device.multiProcessorCount) / 1e12,
                peak<false>(device.multiProcessorCount) / 1e12);
    speeds<q4_0>("q4_0"), speeds<q4_k>("q4_k"), speeds<q6_k>("q6_k"), speeds<q8_0>("q8_0"), speeds<iq4_xs>("iq4_xs"), speeds<q2_k>("q2_k"), speeds<nvfp4>("nvfp4");
    for (int64_t tokens : {9, 16, 32, 64, 128}) {
      speed<q4_k, 16>("q4_k", 4096, 4096, tokens);
      speed<q4_k, 32>("q4_k", 4096, 4096, tokens);
      speed<q4_k, 64>("q4_k", 4096, 4096, tokens);
    }
  }
  std::printf(failures ? "\n%d FAILED\n" : "\nall as expected\n", failures);
  return failures ? 1 : 0;
}
