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
fn half_to_float(u32 bits) { return float(as_type<half>(u16(bits))); }
