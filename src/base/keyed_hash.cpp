#include "base/keyed_hash.h"

#include <xxhash.h>

#include <random>

namespace ingot {

HashKey HashKey::drawn() {
  std::random_device source;
  const auto draw = [&] { return uint64_t{source()} << 32 | source(); };
  const uint64_t seed = draw(), mask = draw(), factor = draw(), second_factor = draw();
  return {seed, mask, factor | 1, second_factor | 1};
}

uint64_t keyed_hash(std::string_view bytes) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), HashKey::of_process().seed);
}

}  // namespace ingot
