// How work grows with its input, in processor time of this thread: a ratio within one run, so that it means the same on every machine.
#pragma once
#include <algorithm>
#include <ctime>

namespace ingot::tests {

inline double thread_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

template <class Work> double seconds_of(Work&& work) {
  const double start = thread_seconds();
  work();
  return thread_seconds() - start;
}

/// Time of `large()` over that of `small()`, each the smallest of a few rounds, so that what else the machine does falls out of both;
/// further rounds only while it is above `enough`.
template <class Small, class Large> double growth(Small&& small, Large&& large, double enough) {
  double before = 1e9, after = 1e9;
  for (int round = 0; round < 25 && (round == 0 || after > enough * before); round++) {
    before = std::min(before, std::max(seconds_of(small), 1e-5));
    after = std::min(after, seconds_of(large));
  }
  return after / before;
}

}  // namespace ingot::tests
