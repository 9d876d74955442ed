// The dialect as Metal Shading Language; the words are described in cpp.h.
#pragma once
#include <metal_stdlib>
using namespace metal;

#define fn static inline auto
#define MEMBER inline
#define TABLE(type, name, count) constant type name[count]
#define BYTES const device u8*

typedef uchar u8;
typedef char i8;
typedef ushort u16;
typedef short i16;
typedef uint u32;
typedef int i32;
typedef ulong u64;
typedef long i64;

fn float_of(u32 bits) { return as_type<float>(bits); }
fn bits_of(float x) { return as_type<uint>(x); }
fn half_to_float(u32 bits) { return float(as_type<half>(u16(bits))); }

// ---- words of kernels

#define DEVICE device
#define SHARED threadgroup
#define THREAD thread
#define PRAGMA(text) _Pragma(#text)
#ifndef UNROLL  // where code is run once to be checked, unrolling it is a loss
#define UNROLL(n) PRAGMA(unroll n)
#endif
#define PARAMS(type) const constant type&

enum { copies_overlap = 0 };
struct copy_gate {
  u64 of;
};

struct Thread {
  u32 group, groups, index;
  MEMBER u32 lane() const { return index % 32; }
  MEMBER u32 warp() const { return index / 32; }
};

fn group_barrier() -> void { threadgroup_barrier(mem_flags::mem_threadgroup); }
fn lane_exchange(float x, u32 mask) { return simd_shuffle_xor(x, (ushort)mask); }
fn lane_exchange(i32 x, u32 mask) { return simd_shuffle_xor(x, (ushort)mask); }
fn lane_value(float x, u32 lane) { return simd_shuffle(x, (ushort)lane); }
fn launch_dependents() -> void {}  // launches do not overlap
fn dependency_wait() -> void {}
fn will_read(const device void*) -> void {}
fn copy_four(threadgroup uint4* to, const device u8* from) -> void { *to = *(const device uint4*)from; }
fn close_copies() -> void {}
template <int n> fn await_copies() -> void {}
fn set_gates(threadgroup copy_gate*, int, u32) -> void {}
fn asks(int, int, u32) { return true; }
fn copy_run(threadgroup void* to, const device u8* from, int bytes, threadgroup copy_gate*, int threads, u32 index)
    -> void {
  for (int at = (int)index; at < bytes / 16; at += threads)
    ((threadgroup uint4*)to)[at] = ((const device uint4*)from)[at];
}
fn close_gate(threadgroup copy_gate*) -> void {}
template <int newer> fn await_gate(threadgroup copy_gate*, int) -> void {}
fn warp_barrier() -> void { simdgroup_barrier(mem_flags::mem_threadgroup); }
fn dot4(u32 a, u32 b, i32 sum) {
  char4 x = as_type<char4>(a), y = as_type<char4>(b);
  return sum + (i32)x.x * y.x + (i32)x.y * y.y + (i32)x.z * y.z + (i32)x.w * y.w;
}
fn permute(u32 lo, u32 hi, u32 selector) {
  u64 both = (u64)hi << 32 | lo;
  return (u32)(both >> (selector & 7) * 8 & 255) | (u32)(both >> (selector >> 4 & 7) * 8 & 255) << 8 |
         (u32)(both >> (selector >> 8 & 7) * 8 & 255) << 16 | (u32)(both >> (selector >> 12 & 7) * 8 & 255) << 24;
}
fn nearest_half(float x) -> u32 { return as_type<ushort>((half)x); }

#ifndef ENTRY
#define ENTRY(name, ...)                                                                                             \
  typedef __VA_ARGS__ name##_kernel;                                                                                 \
  [[kernel, max_total_threads_per_threadgroup(name##_kernel::threads)]] void name(                                   \
      constant name##_kernel::Params& p [[buffer(0)]], threadgroup name##_kernel::Shared& shared [[threadgroup(0)]], \
      uint group [[threadgroup_position_in_grid]], uint groups [[threadgroups_per_grid]],                            \
      uint index [[thread_index_in_threadgroup]]) {                                                                  \
    name##_kernel::run(p, shared, Thread{group, groups, index});                                                     \
  }
#endif
