// From a plan's steps to kernel calls: which kernel, how many groups, which parameters. Pure: with no addresses it says what would be
// compiled and run, on a machine without the device.
#pragma once
#include "plan/backend.h"
#include "backends/gpu/compose.h"
#include "backends/gpu/scratch.h"
#include "backends/gpu/weights.h"

namespace ingot::gpu {

struct Call {
  int step = 0;                       ///< of the plan
  Entry entry;
  uint32_t groups = 1, threads = 32, room_bytes = 0;
  std::vector<std::byte> parameters;
};

/// Where everything lies; all zero to learn about kernels only.
struct Places {
  const Weights* weights = nullptr;
  const Scratch* scratch = nullptr;
  Address keys_and_values = 0;        ///< of the session's cache (cache.h)
  int cores = 0;                      ///< of the device; 0: not known
  bool copies_overlap = false;        ///< on the device
};

/// The calls for `tokens` tokens of which the last `logits` are wanted, in order.
std::vector<Call> calls(const plan::Plan& plan, const Places& places, int tokens, int logits);
/// The calls that choose the token with the greatest of one token's logits: behind those of one token.
std::vector<Call> best_calls(const plan::Plan& plan, const Places& places);
/// Every entry that any number of tokens needs, each once.
std::vector<Entry> entries(const plan::Plan& plan);

}  // namespace ingot::gpu
