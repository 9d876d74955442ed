// How fast threads can read memory: the lower bound of every one-token step's time.
#pragma once

namespace ingot::cpu {

/// Bytes per second that `threads` threads read from memory together: the best over 1, 2 and 4 streams per thread,
/// several passes over 256 MiB or four times the last-level cache in huge pages, no software prefetch (on Zen 3 a
/// prefetching or single-stream probe reads half).
double read_bandwidth(int threads);

}  // namespace ingot::cpu
