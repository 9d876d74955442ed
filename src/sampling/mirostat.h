// Mirostat 2 (Basu et al. 2021): holds the surprise of the text near a target by how much of the distribution it keeps.
#pragma once
#include "sampling/candidates.h"

namespace ingot::sampling {

class Mirostat {
 public:
  /// `target`: surprise in bits; `rate`: how fast the limit follows.
  Mirostat(float target, float rate) : target_(target), rate_(rate), limit_(2 * double(target)) {}
  /// Leaves out what surprises more than the limit, draws with `chance` (0 … 1), and moves the limit. Returns the
  /// token.
  int32_t choose(Candidates& c, double chance);

 private:
  float target_, rate_;
  double limit_;  // bits
};

}  // namespace ingot::sampling
