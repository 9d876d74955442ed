// The integers of the dialect as C++: fixed widths, little endian. Types only, so that parameter structs can be in a
// namespace that units with different compiler flags share; words with bodies are in cpp.h.
#pragma once

typedef unsigned char u8;
typedef signed char i8;
typedef unsigned short u16;
typedef short i16;
typedef unsigned int u32;
typedef int i32;
typedef unsigned long long u64;
typedef long long i64;
