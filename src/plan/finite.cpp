#include "plan/finite.h"

#include <fmt/core.h>

#include "base/finite.h"
#include "ingot/error.h"

namespace ingot::plan {

void check_finite(std::span<const float> logits, const StateStore& states, std::span<const int32_t> pages,
                  int positions) {
  if (!all_finite(logits)) refuse_output(states, pages, positions);
}

void refuse_output(const StateStore& states, std::span<const int32_t> pages, int positions) {
  if (std::optional<Overflow> overflow = states.overflow(pages, positions))
    throw Error(
        "plan",
        fmt::format("the model's output is not finite: keys or values of layer {} were too large", overflow->layer),
        "infinity", overflow->range, overflow->advice);
  throw Error("plan", "the model's output is not finite", "NaN or infinity among its logits", "",
              "the model file is damaged or not supported, or its activations leave the range of floats");
}

}  // namespace ingot::plan
