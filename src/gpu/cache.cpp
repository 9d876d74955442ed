#include "gpu/cache.h"

#include <fmt/format.h>

#include "ingot/error.h"

namespace ingot::gpu {

int64_t cache_room(const backend::Plan& plan) { return (int64_t(plan.context) + 63) / 64 * 64; }
uint64_t cache_layer_bytes(const backend::Plan& plan) { return uint64_t(plan.kv_heads) * cache_room(plan) * plan.head_size * sizeof(uint16_t); }
uint64_t cache_bytes(const backend::Plan& plan) { return 2 * plan.layers * cache_layer_bytes(plan); }

GpuCache::GpuCache(Device& device, const backend::Plan& plan)
    : device_(device),
      runs_(int64_t(2) * plan.layers * plan.kv_heads),
      room_(cache_room(plan)),
      position_bytes_(plan.head_size * static_cast<int64_t>(sizeof(uint16_t))),
      memory_(device.allocate(cache_bytes(plan), "keys and values")) {}

uint64_t GpuCache::bytes(int positions) const { return static_cast<uint64_t>(runs_ * positions * position_bytes_); }

// Calls `each(offset, bytes)` for the first positions of every layer and kv_head, keys first.
template <class Each> void GpuCache::each_run(int positions, Each each) const {
  for (int64_t r = 0; r < runs_; r++) each(static_cast<uint64_t>(r * room_ * position_bytes_), static_cast<uint64_t>(positions * position_bytes_));
}

void GpuCache::save(int positions, const std::function<void(std::span<const std::byte>)>& to) const {
  std::vector<std::byte> run;
  each_run(positions, [&](uint64_t at, uint64_t n) {
    run.resize(n);
    device_.download(*memory_, at, run);
    to(run);
  });
}

void GpuCache::restore(int positions, std::span<const std::byte> from) {
  if (from.size() != bytes(positions)) throw Error("gpu", "keys and values do not fit", fmt::format("{} bytes", from.size()), fmt::format("{} bytes for {} positions", bytes(positions), positions));
  each_run(positions, [&](uint64_t at, uint64_t n) {
    device_.upload(*memory_, at, from.first(n));
    from = from.subspan(n);
  });
}

}  // namespace ingot::gpu
