// Loops over `lanes` independent sums, which compilers vectorize; each block of a row is summed in float, the blocks in
// double.
#include "engine/softmax.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>

#include "base/finite.h"
#include "ingot/error.h"

namespace ingot::engine {
namespace {

constexpr size_t lanes = 16, block = 64 * lanes;

/// e^x for x ≤ 0, within 2e-7 of its value; below −87 it is e^−87. x = n·ln 2 + r with |r| ≤ ½ ln 2, e^r by its series
/// to r⁷.
inline float exp_of_negative(float x) {
  constexpr float log2_e = 1.44269504f, ln2_high = 0.693359375f,
                  ln2_low = -2.12194440e-4f;  // ln 2 in two parts (Cody and Waite)
  constexpr float to_whole = 0x1.8p23f;       // adding it rounds to a whole number, which is then in the low bits
  x = std::max(x, -87.0f);
  float shifted = x * log2_e + to_whole;
  float n = shifted - to_whole;
  float r = (x - n * ln2_high) - n * ln2_low;
  float series = 1 / 5040.0f;
  for (float c : {1 / 720.0f, 1 / 120.0f, 1 / 24.0f, 1 / 6.0f, 0.5f, 1.0f, 1.0f}) series = series * r + c;
  return series * std::bit_cast<float>((std::bit_cast<uint32_t>(shifted) + 127) << 23);
}

/// Σ term(i) for i < n.
template <typename Term> double sum(size_t n, Term&& term) {
  double total = 0;
  size_t i = 0;
  while (i + lanes <= n) {
    std::array<float, lanes> sums{};
    for (size_t end = std::min(i + block, n - n % lanes); i < end; i += lanes)
      for (size_t l = 0; l < lanes; l++) sums[l] += term(i + l);
    for (float s : sums) total += s;
  }
  for (; i < n; i++) total += term(i);
  return total;
}

}  // namespace

Softmax softmax(std::span<const float> logits) {
  if (!all_finite(logits)) throw Error("engine", "logits are not finite", "NaN or infinity", "what a model computed");
  Softmax s;
  s.best = static_cast<size_t>(std::ranges::max_element(logits) - logits.begin());
  const float* x = logits.data();
  const float max = s.max = logits[s.best];
  s.total = sum(logits.size(), [x, max](size_t i) { return exp_of_negative(x[i] - max); });
  s.log_total = std::log(s.total);
  return s;
}

double divergence(std::span<const float> base, const Softmax& of_base, std::span<const float> model,
                  const Softmax& of_model) {
  const float *b = base.data(), *m = model.data();
  const float max_b = of_base.max, max_m = of_model.max;
  double weighted = sum(base.size(), [=](size_t i) {
    float above_b = b[i] - max_b, above_m = m[i] - max_m;
    return exp_of_negative(above_b) * (above_b - above_m);
  });
  return std::max(0.0, weighted / of_base.total - of_base.log_total + of_model.log_total);
}

}  // namespace ingot::engine
