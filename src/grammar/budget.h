// The cost limit for building a grammar or a schema. Both come from users, and a short text can require endless work:
// every piece that is built is paid for here, so that a hostile one is refused after a fixed number of steps.
#pragma once
#include <cstdint>

#include "ingot/error.h"

namespace ingot::grammar {

class Budget {
 public:
  static constexpr uint64_t usual = 1 << 19;  ///< steps, some 50 ms at worst; schemas in use take a hundredth of it
  explicit Budget(uint64_t limit = usual) : limit_(limit) {}
  /// Pays for `steps`. Errors: more than the limit in all.
  void spend(uint64_t steps = 1) {
    spent_ += steps < limit_ ? steps : limit_ + 1;
    if (spent_ > limit_)
      throw Error("grammar", "the grammar is too large", "", "at most " + std::to_string(limit_) + " steps to build it",
                  "use shorter repetitions or fewer alternatives");
  }
  uint64_t spent() const { return spent_; }
  bool exhausted() const { return spent_ > limit_; }

 private:
  uint64_t limit_, spent_ = 0;
};

}  // namespace ingot::grammar
