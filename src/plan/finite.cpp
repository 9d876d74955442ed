#include "plan/finite.h"

#include <fmt/core.h>

#include "base/finite.h"
#include "ingot/error.h"

namespace ingot::plan {

void check_finite(std::span<const float> logits, const Cache& cache, int positions) {
  if (!all_finite(logits)) refuse_output(cache, positions);
}

void refuse_output(const Cache& cache, int positions) {
  if (std::optional<Overflow> overflow = cache.overflow(positions))
    throw Error(
        "backend",
        fmt::format("the model's output is not finite: keys or values of layer {} were too large", overflow->layer),
        "infinity", overflow->range, overflow->advice);
  throw Error("backend", "the model's output is not finite", "NaN or infinity among its logits", "",
              "the model file is damaged or not supported, or its activations leave the range of floats");
}

}  // namespace ingot::plan
