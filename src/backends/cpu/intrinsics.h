// The compiler's intrinsics for the lane vocabularies. A kernel instance includes it before it opens its namespace;
// nothing else does.
#pragma once
#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif
