// What a model answers is finite, or there is an error that names the cause. Kernels carry NaN and infinities on to the
// output, and rows of different sequences never meet, so whoever takes logits from a program looks there and nowhere
// else.
#pragma once
#include <span>

#include "plan/backend.h"

namespace ingot::plan {

/// Refuses logits that are not finite, of a sequence that has `positions` positions in `pages`.
void check_finite(std::span<const float> logits, const StateStore& states, std::span<const int32_t> pages,
                  int positions);
/// The same where the device has looked at the logits (Choice).
[[noreturn]] void refuse_output(const StateStore& states, std::span<const int32_t> pages, int positions);

/// What a layer's keys and values look like in a store of IEEE halves.
class HalvesSeen {
 public:
  void add(uint16_t bits) {
    bool beyond = (bits & 0x7c00) == 0x7c00;
    nan_ |= beyond && (bits & 0x3ff), infinite_ |= beyond && !(bits & 0x3ff);
  }
  bool finite() const { return !nan_ && !infinite_; }
  /// NaN has come from before; an infinity alone is what a half makes of a large number.
  bool overflow() const { return infinite_ && !nan_; }
  static constexpr const char* range = "magnitudes up to 65504, the range of the 16-bit floats they are kept in";

 private:
  bool nan_ = false, infinite_ = false;
};

}  // namespace ingot::plan
