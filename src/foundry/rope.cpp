// Frequencies of rotary positions (Su et al. 2021) and what stretches them: linear scaling (Chen et al. 2023), a factor
// for each pair, YaRN (Peng et al. 2023). All three depend on the pair alone, so they are folded into a table once.
#include <algorithm>
#include <cmath>
#include <numbers>

#include "foundry/resolve.h"
#include "ingot/error.h"

namespace ingot::foundry {
namespace {

// Ranges: far beyond what models have, and such that no product of two is infinite, or 0, as a float.
constexpr double min_base = 1e-3, max_base = 1e15, min_factor = 1e-6, max_factor = 1e6;
constexpr double min_magnitude = 1e-6, max_magnitude = 1e6, min_rotations = 1e-6, max_rotations = 1e6;

/// The pair (a real number) whose wave turns `rotations` times within `context` positions: solves
/// context · base^(−2i/dims) = 2π · rotations for i.
double pair_of(double rotations, double context, int dims, double base) {
  return dims * std::log(context / (rotations * 2 * std::numbers::pi)) / (2 * std::log(base));
}

struct Scaling {
  std::string kind = "none";
  double factor = 1, magnitude = 1;
  double extrapolation = 0;  ///< yarn: how much pairs below `low` keep their frequency; those from `high` on keep none
  double low = 0, high = 0;
};

Scaling read_scaling(const ScalingSpec& spec, Numbers& numbers, int dims, double base) {
  Scaling s;
  std::string key = numbers.prefixed(spec.kind_key);
  auto stated = numbers.file().find_string(key);
  s.kind = stated ? std::string(*stated) : spec.default_kind;
  if (s.kind != "none" && s.kind != "linear" && s.kind != "yarn")
    throw Error("foundry", key, in_quotes(s.kind), "none, linear or yarn",
                "this way of stretching rope is not known here");
  s.magnitude = numbers.real(spec.magnitude, min_magnitude, max_magnitude);
  if (s.kind == "none") return s;
  // Files write 0 for "not stated".
  if (numbers.value(spec.factor) != 0) s.factor = numbers.real(spec.factor, min_factor, max_factor);
  if (s.kind == "linear") return s;

  s.extrapolation = numbers.real(spec.extrapolation, -1, 1);
  if (s.extrapolation < 0) s.extrapolation = 1;  // files write -1 for "not stated"
  double context = static_cast<double>(numbers.integer(spec.original_context, 1, INT32_MAX));
  double fast = numbers.real(spec.beta_fast, min_rotations, max_rotations);
  double slow = numbers.real(spec.beta_slow, min_rotations, max_rotations);
  if (base <= 1) throw Error("foundry", "rope base " + number_text(base) + " with yarn scaling", "", "a base above 1");
  s.low = std::max(0.0, std::floor(pair_of(fast, context, dims, base)));
  s.high = std::min(dims - 1.0, std::ceil(pair_of(slow, context, dims, base)));
  if (numbers.value(spec.yarn_magnitude) != 0)
    s.magnitude *= numbers.real(spec.yarn_magnitude, min_magnitude, max_magnitude);
  else if (s.extrapolation != 0 && s.factor > 1)
    s.magnitude *= 1 + 0.1 * std::log(s.factor);
  return s;
}

}  // namespace

Rope make_rope(const RopeSpec& spec, Numbers& numbers, int dims, const Vector& factors) {
  Rope rope;
  rope.pairing = spec.pairing;
  rope.dims = dims;
  double base = numbers.real(spec.base, min_base, max_base);
  Scaling s = spec.scaling ? read_scaling(*spec.scaling, numbers, dims, base) : Scaling{};
  rope.magnitude = static_cast<float>(s.magnitude);
  for (int i = 0; i < dims / 2; i++) {
    double kept = std::pow(base, -2.0 * i / dims);
    if (!factors.empty()) kept /= factors[i];
    double stretched = kept / s.factor;
    // The ramp falls from 1 (fast pairs keep their frequency) to 0 (slow ones are stretched). The denominator's floor
    // is for low = high, where the ramp is a step.
    double share = s.extrapolation * (1 - std::clamp((i - s.low) / std::max(0.001, s.high - s.low), 0.0, 1.0));
    rope.frequencies.push_back(stretched * (1 - share) + kept * share);
  }
  for (double f : rope.frequencies)
    if (!std::isfinite(f))
      throw Error("foundry", "rope frequencies of base " + number_text(base), number_text(f), "finite numbers");
  return rope;
}

}  // namespace ingot::foundry
