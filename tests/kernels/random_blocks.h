// Random file rows of any format: random bytes, drawn again where a block decodes to something that is not a moderate
// number.
#pragma once
#include <cmath>
#include <cstdint>
#include <random>
#include <stdexcept>
#include <vector>

#include "quant/format.h"

namespace ingot {

inline std::vector<uint8_t> random_rows(const quant::Format& format, int64_t rows, int64_t cols, uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<uint8_t> bytes(rows * static_cast<int64_t>(format.row_bytes(cols)));
  std::vector<float> weights(format.block);
  for (size_t at = 0; at < bytes.size(); at += format.block_bytes) {
    for (int tries = 0;; tries++) {
      if (tries == 100000) throw std::runtime_error(std::string("no moderate block of ") + format.name);
      for (int i = 0; i < format.block_bytes; i++) bytes[at + i] = static_cast<uint8_t>(random());
      format.decode(reinterpret_cast<const std::byte*>(&bytes[at]), weights.data(), format.block);
      bool moderate = true;
      for (float w : weights) moderate = moderate && std::fabs(w) < 1e4f;  // also refuses NaN
      if (moderate) break;
    }
  }
  return bytes;
}

}  // namespace ingot
