// Metal's language and standard library for clang on a machine without Apple's compiler: just the words that the composed sources use, as
// the Metal Shading Language Specification describes them. Found as <metal_stdlib>. Three readings of one text:
//   METAL_CHECK_SPACES   C++14 whose address spaces are types of their own that do not convert into each other; compiled only
//   METAL_CHECK_STRICT   C++ for OpenCL, stricter than Metal: besides, no `double`, no casts between address spaces, no function pointers, and
//                        nothing without an address space; compiled only
//   neither              address spaces mean nothing; compiled to be run by executor.h, which `emulator_services` leads to
// Not here: what the device's compiler alone can refuse, how exact its functions are, how fast anything is.
#pragma once

// An entry point without attributes, which have no meaning here. For METAL_CHECK_SPACES the dialect's own stands, its attributes taken out.
#if defined(METAL_CHECK_STRICT)
#define ENTRY(name, ...)          \
  typedef __VA_ARGS__ name##_kernel; \
  inline void name##_entry(constant name##_kernel::Params& p, threadgroup name##_kernel::Room& room) { name##_kernel::run(p, room, Place{0, 1, 0}); }
#elif !defined(METAL_CHECK_SPACES)
#define ENTRY(name, ...)                                                                                                       \
  typedef __VA_ARGS__ name##_kernel;                                                                                           \
  extern "C" __attribute__((visibility("default"))) void name(const void* parameters, void* room, Place place) {               \
    name##_kernel::run(*(const name##_kernel::Params*)parameters, *(name##_kernel::Room*)room, place);                         \
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
// The table that the loader of a compiled source sets; its words are those of executor.h.
struct EmulatorServices {
  void (*group_barrier)();
  void (*warp_barrier)();
  uint (*lane_exchange)(uint value, uint mask);
  uint (*lane_value)(uint value, uint lane);
};
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

// Calls that all lanes of a SIMD-group, or all threads of a threadgroup, make together. Lanes are read through the words of a value.
#if defined(METAL_CHECK_STRICT) || defined(METAL_CHECK_SPACES)
inline void threadgroup_barrier(mem_flags) {}
inline void simdgroup_barrier(mem_flags) {}
inline uint lane_at(uint value, ushort) { return value; }
inline uint lane_across(uint value, ushort) { return value; }
#else
[[clang::convergent]] inline void threadgroup_barrier(mem_flags) { emulator_services->group_barrier(); }
[[clang::convergent]] inline void simdgroup_barrier(mem_flags) { emulator_services->warp_barrier(); }
[[clang::convergent]] inline uint lane_at(uint value, ushort lane) { return emulator_services->lane_value(value, lane); }
[[clang::convergent]] inline uint lane_across(uint value, ushort mask) { return emulator_services->lane_exchange(value, mask); }
#endif
template <class T> inline T simd_shuffle(T x, ushort lane) { return as_type<T>(lane_at(as_type<uint>(x), lane)); }
template <class T> inline T simd_shuffle_xor(T x, ushort mask) { return as_type<T>(lane_across(as_type<uint>(x), mask)); }

}  // namespace metal
