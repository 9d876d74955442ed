// CUDA's language for clang on a machine without CUDA: the words that composed sources use, as the CUDA C++ Programming
// Guide describes them, and what the dialect says in the GPU's own instructions (kernels/dialect/cuda.h, cuda_tile.h).
#pragma once
#include "services.h"

#define EMULATED
extern "C" __attribute__((visibility("default"))) const EmulatorServices* emulator_services = nullptr;

#define __device__
#define __forceinline__ inline __attribute__((always_inline))

struct alignas(16) uint4 {
  unsigned x, y, z, w;
};
struct alignas(8) int2 {
  int x, y;
};
struct alignas(8) float2 {
  float x, y;
};
struct alignas(16) float4 {
  float x, y, z, w;
};

static inline unsigned __float_as_uint(float x) { return __builtin_bit_cast(unsigned, x); }
static inline float __uint_as_float(unsigned bits) { return __builtin_bit_cast(float, bits); }

static inline float fma(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
static inline float exp(float x) { return __builtin_expf(x); }
static inline float log(float x) { return __builtin_logf(x); }
static inline float sqrt(float x) { return __builtin_sqrtf(x); }
static inline float rint(float x) { return __builtin_rintf(x); }
static inline float tanh(float x) { return __builtin_tanhf(x); }

static inline void __syncthreads() { emulator_services->group_barrier(); }
static inline void launch_dependents() {}
static inline void will_read(const void*) {}
static inline void copy_four(uint4* to, const unsigned char* from) { emulator_services->copy_four(to, from); }
static inline void close_copies() { emulator_services->close_copies(); }
template <int n> static inline void await_copies() { emulator_services->await_copies(n); }
struct copy_gate;
static inline void set_gates(copy_gate*, int, unsigned) {}
static inline bool asks(int, int, unsigned thread) { return thread == 0; }
static inline void copy_run(void* to, const unsigned char* from, int bytes, copy_gate*, int, unsigned) {
  for (int at = 0; at < bytes; at += 16) emulator_services->copy_four((char*)to + at, from + at);
}
static inline void close_gate(copy_gate*) { emulator_services->close_copies(); }
template <int newer> static inline void await_gate(copy_gate*, int) { emulator_services->await_copies(newer); }
static inline void dependency_wait() { emulator_services->dependency_wait(); }
static inline void __syncwarp() { emulator_services->warp_barrier(); }
static inline int __shfl_xor_sync(unsigned, int x, unsigned mask) {
  return (int)emulator_services->lane_exchange((unsigned)x, mask);
}
static inline float __shfl_xor_sync(unsigned, float x, unsigned mask) {
  return __uint_as_float(emulator_services->lane_exchange(__float_as_uint(x), mask));
}
static inline float __shfl_sync(unsigned, float x, unsigned lane) {
  return __uint_as_float(emulator_services->lane_value(__float_as_uint(x), lane));
}

static inline int __dp4a(int a, int b, int sum) {
  for (int i = 0; i < 32; i += 8) sum += (int)(signed char)(a >> i) * (int)(signed char)(b >> i);
  return sum;
}
static inline unsigned __byte_perm(unsigned low, unsigned high, unsigned selector) {
  const unsigned long long both = (unsigned long long)high << 32 | low;
  unsigned result = 0;
  for (int i = 0; i < 4; i++) result |= (unsigned)(both >> (selector >> 4 * i & 7) * 8 & 255) << 8 * i;
  return result;
}

// Words of the dialect that are instructions there: cvt between f16 and float, and mma.sync m16n8 of signed bytes (PTX
// ISA: lane 4 g + t holds of the first matrix lines g and g + 8, of the second line g, of the sums lines g and g + 8 in
// columns 2 t and 2 t + 1; words of a line are t, and t + 4 where it has eight).
static inline float half_to_float(unsigned bits) { return (float)__builtin_bit_cast(_Float16, (unsigned short)bits); }
static inline unsigned nearest_half(float x) { return __builtin_bit_cast(unsigned short, (_Float16)x); }

// What lanes hand in of both matrices: lines g and g + 8 of the first, then the second's.
static inline __attribute__((always_inline)) const unsigned* hand_in(const unsigned* a, const unsigned* b, int halves) {
  unsigned mine[6];
  for (int h = 0; h < halves; h++) mine[3 * h] = a[2 * h], mine[3 * h + 1] = a[2 * h + 1], mine[3 * h + 2] = b[h];
  return emulator_services->lane_values(mine, 3 * halves);
}
// Words that a lane multiplies: of its two lines and of its two columns.
struct Operands {
  unsigned low, high, left, right;
};
UNWATCHED_READS static inline Operands operands_of(const unsigned* all, unsigned lane, int half, unsigned word) {
  const unsigned *line = all + (lane / 4 * 4 + word) * max_lane_values + 3 * half,
                 *column = all + (lane % 4 * 8 + word) * max_lane_values + 3 * half + 2;
  return {line[0], line[1], column[0], column[4 * max_lane_values]};
}

// wgmma m64nNk32 of signed bytes, of which each warp has 16 lines in registers, those of lane 4 g + t as above, and
// reads the columns from the group's memory: as late as can be.
struct tile_a {
  unsigned of[4];
};
template <int columns> struct tile_sums {
  int of[columns / 8][4];
  tile_a a;
  const unsigned* panel;
  int lines, first, part, parts;
};
static inline void load(tile_a& to, const unsigned* panel, int lines, int first, unsigned lane) {
  for (int i = 0; i < 4; i++) to.of[i] = panel[(i / 2 * lines + first + (int)lane / 4 + i % 2 * 8) * 4 + (int)lane % 4];
}
template <int part, int parts, int columns> static inline void start_products(tile_sums<columns>& sums, const tile_a& a,
                                                                              const unsigned* panel, int lines,
                                                                              int first) {
  sums.a = a, sums.panel = panel, sums.lines = lines, sums.first = first, sums.part = part, sums.parts = parts;
  for (int n = 0; n < columns / 8; n++)
    for (int i = 0; i < 4; i++) sums.of[n][i] = 0x55555555;  // seen by who does not wait
}
// A word of a line of the lanes' 16: line g or g + 8.
UNWATCHED_READS static inline int line_word(const unsigned* all, unsigned lane, int high, int half, int word) {
  return (int)all[(lane / 4 * 4 + word) * max_lane_values + 2 * half + high];
}
template <int n, int columns> static inline void await_products(tile_sums<columns>& sums) {
  const unsigned lane = emulator_services->lane();
  const unsigned* all = emulator_services->lane_values(sums.a.of, 4);
  int lines[2][2][4];
  for (int i = 0; i < 16; i++) lines[i / 8][i / 4 % 2][i % 4] = line_word(all, lane, i / 8, i / 4 % 2, i % 4);
  for (int tile = 0; tile < columns / 8; tile++)
    for (int side = 0; side < 2; side++) {
      int low = 0, high = 0, line = sums.first + 8 * tile + (int)lane % 4 * 2 + side;
      for (int half = sums.part; half < (sums.parts == 1 ? 2 : sums.part + 1); half++)
        for (int word = 0; word < 4; word++) {
          const int column = (int)sums.panel[(half * sums.lines + line) * 4 + word];
          low = __dp4a(lines[0][half][word], column, low), high = __dp4a(lines[1][half][word], column, high);
        }
      sums.of[tile][side] = low, sums.of[tile][2 + side] = high;
    }
}

// mma.sync m16n8k32 of signed bytes.
static inline void add_products(int (&sum)[4], const unsigned (&a)[4], const unsigned (&b)[2]) {
  const unsigned lane = emulator_services->lane();
  const unsigned* all = hand_in(a, b, 2);
  for (int h = 0; h < 2; h++)
    for (unsigned word = 0; word < 4; word++) {
      const auto [low, high, left, right] = operands_of(all, lane, h, word);
      sum[0] = __dp4a((int)low, (int)left, sum[0]), sum[1] = __dp4a((int)low, (int)right, sum[1]);
      sum[2] = __dp4a((int)high, (int)left, sum[2]), sum[3] = __dp4a((int)high, (int)right, sum[3]);
    }
}

// mma.sync m16n8k16 of halves: words of a line hold two.
template <class A, class B, class Sum> static inline void multiply_halves(const A& a, const B& b, Sum& sum) {
  const unsigned lane = emulator_services->lane();
  const unsigned* all = hand_in(a.of, b.of, 2);
  for (int h = 0; h < 2; h++)
    for (unsigned word = 0; word < 4; word++) {
      const auto [low, high, left, right] = operands_of(all, lane, h, word);
      for (int side = 0; side < 32; side += 16) {
        sum.of[0] = fma(half_to_float(low >> side), half_to_float(left >> side), sum.of[0]);
        sum.of[1] = fma(half_to_float(low >> side), half_to_float(right >> side), sum.of[1]);
        sum.of[2] = fma(half_to_float(high >> side), half_to_float(left >> side), sum.of[2]);
        sum.of[3] = fma(half_to_float(high >> side), half_to_float(right >> side), sum.of[3]);
      }
    }
}

#define ENTRY(name, ...)                                                                                         \
  typedef __VA_ARGS__ name##_kernel;                                                                             \
  extern "C" __attribute__((visibility("default"))) extern const unsigned name##_parameter_bytes;                \
  const unsigned name##_parameter_bytes = sizeof(name##_kernel::Params);                                         \
  extern "C" __attribute__((visibility("default"))) void name(const void* parameters, void* shared, Thread me) { \
    name##_kernel::run(*(const name##_kernel::Params*)parameters, *(name##_kernel::Shared*)shared, me);          \
  }
