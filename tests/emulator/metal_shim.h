// Metal's language and standard library for clang on a machine without Apple's compiler: just the words that the
// composed sources use, as the Metal Shading Language Specification describes them. Found as <metal_stdlib>. Three
// readings of one text:
//   METAL_CHECK_SPACES   C++14 whose address spaces are types of their own that do not convert into each other;
//                        compiled only
//   METAL_CHECK_STRICT   C++ for OpenCL, stricter than Metal: besides, no `double`, no casts between address spaces, no
//                        function pointers, and nothing without an address space; compiled only
//   neither              address spaces mean nothing; compiled to be run by executor.h, which `emulator_services` leads
//                        to
// Not here: what the device's compiler alone can refuse, how exact its functions are, how fast anything is.
#pragma once

// An entry point without attributes, which have no meaning here. For METAL_CHECK_SPACES the dialect's own stands, its
// attributes taken out.
#if defined(METAL_CHECK_STRICT)
#define ENTRY(name, ...)                                                                                   \
  typedef __VA_ARGS__ name##_kernel;                                                                       \
  inline void name##_entry(constant name##_kernel::Params& p, threadgroup name##_kernel::Shared& shared) { \
    name##_kernel::run(p, shared, Thread{0, 1, 0});                                                        \
  }
#elif !defined(METAL_CHECK_SPACES)
#define ENTRY(name, ...)                                                                                         \
  typedef __VA_ARGS__ name##_kernel;                                                                             \
  extern "C" __attribute__((visibility("default"))) extern const unsigned name##_parameter_bytes;                \
  const unsigned name##_parameter_bytes = sizeof(name##_kernel::Params);                                         \
  extern "C" __attribute__((visibility("default"))) void name(const void* parameters, void* shared, Thread me) { \
    name##_kernel::run(*(const name##_kernel::Params*)parameters, *(name##_kernel::Shared*)shared, me);          \
  }
#endif

#if defined(METAL_CHECK_STRICT)
#pragma OPENCL EXTENSION cl_khr_fp16 : enable
#define device __global
#define threadgroup __local
#define thread __private
#elif defined(METAL_CHECK_SPACES)
#define device __attribute__((opencl_global))
#define threadgroup __attribute__((opencl_local))
#define constant const __attribute__((opencl_constant))
#define thread
#define kernel extern "C"
#define half _Float16
#else
#define device
#define threadgroup
#define constant const
#define thread
#define kernel extern "C"
#define half _Float16
#endif

typedef unsigned char uchar;
typedef unsigned short ushort;
typedef unsigned int uint;
typedef unsigned long ulong;

// Vectors, and what makes them of their elements: a word in front of a parenthesis.
typedef char char4 __attribute__((ext_vector_type(4)));
typedef uint uint4 __attribute__((ext_vector_type(4)));
typedef int int2 __attribute__((ext_vector_type(2)));
typedef float float2 __attribute__((ext_vector_type(2)));
typedef float float4 __attribute__((ext_vector_type(4)));
typedef half half2 __attribute__((ext_vector_type(2)));
static inline float2 make_float2(float x, float y) {
  float2 v;
  v.x = x, v.y = y;
  return v;
}
static inline half2 make_half2(float x, float y) {
  half2 v;
  v.x = x, v.y = y;
  return v;
}
#define float2(...) make_float2(__VA_ARGS__)
#define half2(...) make_half2(__VA_ARGS__)

#if !defined(METAL_CHECK_STRICT) && !defined(METAL_CHECK_SPACES)
#include "services.h"
extern "C" __attribute__((visibility("default"))) const EmulatorServices* emulator_services = nullptr;
#endif

namespace metal {

template <class To, class From> inline To as_type(From from) {
  static_assert(sizeof(To) == sizeof(From), "as_type keeps the size");
  return __builtin_bit_cast(To, from);
}

inline float fma(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
inline float exp(float x) { return __builtin_expf(x); }
inline float log(float x) { return __builtin_logf(x); }
inline float sqrt(float x) { return __builtin_sqrtf(x); }
inline float rint(float x) { return __builtin_rintf(x); }
inline float tanh(float x) { return __builtin_tanhf(x); }

enum class mem_flags { mem_none, mem_device, mem_threadgroup };

// Calls that all lanes of a SIMD-group, or all threads of a threadgroup, make together. Lanes are read through the
// words of a value.
#if defined(METAL_CHECK_STRICT) || defined(METAL_CHECK_SPACES)
inline void threadgroup_barrier(mem_flags) {}
inline void simdgroup_barrier(mem_flags) {}
inline uint lane_at(uint value, ushort) { return value; }
inline uint lane_across(uint value, ushort) { return value; }
#else
[[clang::convergent]] inline void threadgroup_barrier(mem_flags) { emulator_services->group_barrier(); }
[[clang::convergent]] inline void simdgroup_barrier(mem_flags) { emulator_services->warp_barrier(); }
[[clang::convergent]] inline uint lane_at(uint value, ushort lane) {
  return emulator_services->lane_value(value, lane);
}
[[clang::convergent]] inline uint lane_across(uint value, ushort mask) {
  return emulator_services->lane_exchange(value, mask);
}
#endif
template <class T> inline T simd_shuffle(T x, ushort lane) { return as_type<T>(lane_at(as_type<uint>(x), lane)); }
template <class T> inline T simd_shuffle_xor(T x, ushort mask) {
  return as_type<T>(lane_across(as_type<uint>(x), mask));
}

// 8 × 8 matrices of a SIMD-group: a lane holds two neighbours of a row. Where they stand is what MLX relies on; Metal
// does not say.
template <class T, class Two> struct simdgroup_matrix {
  Two elements;
  inline thread Two& thread_elements() thread { return elements; }
};
typedef simdgroup_matrix<half, half2> simdgroup_half8x8;
typedef simdgroup_matrix<float, float2> simdgroup_float8x8;
#if !defined(METAL_CHECK_STRICT) && !defined(METAL_CHECK_SPACES)
inline uint lane_of(uint row, uint column) { return row / 4 * 16 + column / 4 * 8 + row % 4 * 2 + column / 2 % 2; }
// `all`: of every lane its part of a, then of b.
UNWATCHED_READS inline float2 product_of(const uint* all, uint lane, float2 sum) {
  uint row = lane / 16 * 4 + lane / 2 % 4, column = lane / 8 % 2 * 4 + lane % 2 * 2;
  for (uint k = 0; k < 8; k++) {
    float x = (float)as_type<half2>(all[lane_of(row, k) * max_lane_values])[k % 2];
    half2 from = as_type<half2>(all[lane_of(k, column) * max_lane_values + 1]);
    sum.x = fma(x, (float)from.x, sum.x), sum.y = fma(x, (float)from.y, sum.y);
  }
  return sum;
}
#endif
inline void simdgroup_multiply_accumulate(thread simdgroup_float8x8& to, thread simdgroup_half8x8& a,
                                          thread simdgroup_half8x8& b, thread simdgroup_float8x8& c) {
  float2 sum = c.elements;
#if !defined(METAL_CHECK_STRICT) && !defined(METAL_CHECK_SPACES)
  const uint mine[2] = {as_type<uint>(a.elements), as_type<uint>(b.elements)};
  sum = product_of(emulator_services->lane_values(mine, 2), emulator_services->lane(), sum);
#endif
  (void)a, (void)b;
  to.elements = sum;
}

}  // namespace metal
