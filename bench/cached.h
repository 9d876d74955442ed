// Weights of benches that measure from the cache.
#pragma once
#include "backends/cpu/region.h"

namespace ingot::cpu {

constexpr int64_t cols = 2048;               // every block size so far divides it
constexpr int64_t cached_bytes = 256 << 10;  // rests in the L2 cache of any machine

// 4 · cached_bytes bytes that make ordinary numbers of every scale type: halves of 2^-6 … 2^-3, floats of 2^-38 … 2^-7.
inline const unsigned char* weights() {
  static Region region(4 * cached_bytes, "the weights", "close other programs");
  if (!region.data()[0])
    for (int64_t i = 0; i < 4 * cached_bytes; i++)
      region.data()[i] = static_cast<unsigned char>(0x24 + (i * 2654435761u >> 16 & 15));
  return region.data();
}

}  // namespace ingot::cpu
