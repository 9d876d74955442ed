// Weights of a format for tests, near the numbers that are asked for where the format can be encoded or keeps numbers;
// elsewhere random blocks of magnitudes that a small model can be made of.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <random>
#include <span>
#include <vector>

#include "quant/format.h"

namespace ingot::test {

/// The nearest half of a number whose half is neither subnormal nor infinite; 0 for smaller ones.
inline uint16_t half_near(float x) {
  if (std::fabs(x) < 0x1p-14f) return 0;
  int exponent;
  const float fraction = std::frexp(std::fabs(x), &exponent);  // 0.5 … 1
  const long rounded = std::lround(fraction * 2048);           // 1024 … 2048
  return static_cast<uint16_t>(((exponent + 13) << 10) + rounded) | (x < 0 ? 0x8000 : 0);
}

inline std::vector<std::byte> encoded(const quant::Format& format, std::span<const float> numbers,
                                      std::mt19937& random) {
  std::vector<std::byte> to(static_cast<size_t>(format.row_bytes(static_cast<int64_t>(numbers.size()))));
  if (format.encode) {
    format.encode(numbers.data(), to.data(), static_cast<int64_t>(numbers.size()));
  } else if (format.block == 1 && format.block_bytes == 4) {
    std::memcpy(to.data(), numbers.data(), to.size());
  } else if (std::string_view(format.name) == "f16") {
    for (size_t i = 0; i < numbers.size(); i++) {
      const uint16_t bits = half_near(numbers[i]);
      std::memcpy(&to[2 * i], &bits, 2);
    }
  } else {
    std::vector<float> block(static_cast<size_t>(format.block));
    for (size_t at = 0; at < to.size(); at += static_cast<size_t>(format.block_bytes))
      for (bool moderate = false; !moderate;) {
        for (int i = 0; i < format.block_bytes; i++) to[at + static_cast<size_t>(i)] = static_cast<std::byte>(random());
        format.decode(&to[at], block.data(), format.block);
        float max = 0;
        for (float x : block) max = std::isfinite(x) ? std::max(max, std::fabs(x)) : INFINITY;
        moderate = max > 0.01f && max < 0.5f;
      }
  }
  return to;
}

}  // namespace ingot::test
