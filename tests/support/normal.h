// Numbers of a normal distribution around 0, for tests.
#pragma once
#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

namespace ingot::test {

inline std::vector<float> normal(size_t n, uint32_t seed, float deviation = 1) {
  std::mt19937 random(seed);
  std::normal_distribution<float> draw(0, deviation);
  std::vector<float> x(n);
  for (float& v : x) v = draw(random);
  return x;
}

}  // namespace ingot::test
