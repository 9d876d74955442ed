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

fn half_to_float(u32 bits) {
  float f;
  asm("cvt.f32.f16 %0, %1;" : "=f"(f) : "h"((u16)bits));
  return f;
}
