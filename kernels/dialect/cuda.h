// The dialect as CUDA C++ (NVRTC or nvcc); the words are described in cpp.h.
#pragma once

#define fn static __device__ __forceinline__ auto
#define MEMBER __device__ __forceinline__
#define TABLE(type, name, count) static __device__ const type name[count]
#define BYTES const u8*

typedef unsigned char u8;
typedef signed char i8;
typedef unsigned short u16;
typedef short i16;
typedef unsigned int u32;
typedef int i32;
typedef unsigned long long u64;
typedef long long i64;

fn float_of(u32 bits) { return __uint_as_float(bits); }
fn bits_of(float x) { return __float_as_uint(x); }

struct copy_gate {
  u64 of;
};

#ifndef EMULATED  // words in the GPU's own instructions; an emulator brings its own
fn half_to_float(u32 bits) {
  float f;
  asm("cvt.f32.f16 %0, %1;" : "=f"(f) : "h"((u16)bits));
  return f;
}
fn nearest_half(float x) -> u32 {
  u16 bits;
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(bits) : "f"(x));
  return bits;
}
// Programmatic dependent launch (PTX ISA: griddepcontrol).
fn launch_dependents() -> void {
#if __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.launch_dependents;");
#endif
}
fn dependency_wait() -> void {
#if __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}
fn will_read(const void* line) -> void { asm volatile("prefetch.global.L2 [%0];" ::"l"(line)); }
fn shared_address(const void* at) -> u32 { return (u32)__cvta_generic_to_shared(at); }
fn copy_four(uint4* to, const u8* from) -> void {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(shared_address(to)), "l"(from) : "memory");
}
fn close_copies() -> void { asm volatile("cp.async.commit_group;" ::: "memory"); }
template <int n> fn await_copies() -> void { asm volatile("cp.async.wait_group %0;" ::"n"(n) : "memory"); }
#ifdef __CUDA_ARCH_FEAT_SM90_ALL
// An mbarrier per gate: bulk copies subtract their bytes from what it waits for.
fn set_gates(copy_gate* gates, int count, u32 thread) -> void {
  if ((int)thread < count)
    asm volatile("mbarrier.init.shared.b64 [%0], 1;" ::"r"(shared_address(gates + thread)) : "memory");
  asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
}
fn asks(int round, int warps, u32 thread) -> bool { return thread == (u32)(round % warps) * 32; }
fn copy_run(void* to, const u8* from, int bytes, copy_gate* gate, int, u32) -> void {
  asm volatile("mbarrier.expect_tx.relaxed.cta.shared::cta.b64 [%0], %1;" ::"r"(shared_address(gate)), "r"(bytes)
               : "memory");
  asm volatile("cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1], %2, [%3];" ::"r"(
                   shared_address(to)),
               "l"(from), "r"(bytes), "r"(shared_address(gate))
               : "memory");
}
fn close_gate(copy_gate* gate) -> void {
  asm volatile("mbarrier.arrive.shared.b64 _, [%0];" ::"r"(shared_address(gate)) : "memory");
}
template <int newer> fn await_gate(copy_gate* gate, int round) -> void {
  asm volatile(
      "{ .reg .pred done; again: mbarrier.try_wait.parity.shared.b64 done, [%0], %1; @!done bra again; }" ::"r"(
          shared_address(gate)),
      "r"(round & 1)
      : "memory");
}
#else
fn set_gates(copy_gate*, int, u32) -> void {}
fn asks(int, int, u32) -> bool { return true; }
fn copy_run(void* to, const u8* from, int bytes, copy_gate*, int threads, u32 thread) -> void {
  for (int at = (int)thread; at < bytes / 16; at += threads) copy_four((uint4*)to + at, from + 16 * at);
}
fn close_gate(copy_gate*) -> void { close_copies(); }
template <int newer> fn await_gate(copy_gate*, int) -> void { await_copies<newer>(); }
#endif
#endif

// ---- words of kernels

#define DEVICE
#define SHARED
#define THREAD
#define PRAGMA(text) _Pragma(#text)
#ifndef UNROLL  // where code is run once to be checked, unrolling it is a loss
#define UNROLL(n) PRAGMA(unroll n)
#endif
#define PARAMS(type) const type&

enum { copies_overlap = 1 };

struct Thread {
  u32 group, groups, index;
  MEMBER u32 lane() const { return index % 32; }
  MEMBER u32 warp() const { return index / 32; }
};

fn group_barrier() -> void { __syncthreads(); }
fn lane_exchange(float x, u32 mask) { return __shfl_xor_sync(0xffffffffu, x, mask); }
fn lane_exchange(i32 x, u32 mask) { return __shfl_xor_sync(0xffffffffu, x, mask); }
fn lane_value(float x, u32 lane) { return __shfl_sync(0xffffffffu, x, lane); }
fn warp_barrier() -> void { __syncwarp(); }
fn dot4(u32 a, u32 b, i32 sum) { return __dp4a((i32)a, (i32)b, sum); }
fn permute(u32 lo, u32 hi, u32 selector) { return __byte_perm(lo, hi, selector); }

#ifndef ENTRY
extern __shared__ uint4 group_memory[];
#define ENTRY(name, ...)                                                                                      \
  typedef __VA_ARGS__ name##_kernel;                                                                          \
  extern "C" __global__ void __launch_bounds__(name##_kernel::threads, name##_kernel::groups_per_core)        \
      name(const __grid_constant__ name##_kernel::Params p) {                                                 \
    name##_kernel::run(p, *(name##_kernel::Shared*)group_memory, Thread{blockIdx.x, gridDim.x, threadIdx.x}); \
  }
#endif
