#include "backends/gpu/cache.h"

#include <fmt/core.h>

#include <cstring>

#include "plan/finite.h"
#include "ingot/error.h"

namespace ingot::gpu {

int64_t cache_room(const plan::Plan& plan) { return (int64_t(plan.context) + 63) / 64 * 64; }
uint64_t cache_layer_bytes(const plan::Plan& plan) { return capped_product(plan.kv_heads, cache_room(plan), plan.head_size, sizeof(uint16_t)); }
uint64_t cache_bytes(const plan::Plan& plan) { return capped_product(2, plan.layers, cache_layer_bytes(plan)); }

GpuCache::GpuCache(std::shared_ptr<SharedDevice> device, const plan::Plan& plan)
    : one_token(device),
      best_of_one(device),
      device_(device),
      layers_(plan.layers),
      kv_heads_(plan.kv_heads),
      room_(cache_room(plan)),
      position_bytes_(plan.head_size * static_cast<int64_t>(sizeof(uint16_t))),
      runs_(2 * layers_ * kv_heads_),
      memory_(device) {
  SharedDevice::Use use = device_->use();
  memory_.take(use, use->allocate(cache_bytes(plan), "keys and values"));
}

uint64_t GpuCache::bytes(int positions) const { return capped_product(runs_, positions, position_bytes_); }

// The first positions of a layer and kv_head.
std::vector<std::byte> GpuCache::run(int64_t r, int positions) const {
  std::vector<std::byte> bytes(static_cast<size_t>(positions * position_bytes_));
  device_->use()->download(*memory_, run_at(r), bytes);
  return bytes;
}

void GpuCache::save(int positions, const std::function<void(std::span<const std::byte>)>& to) const {
  for (int64_t r = 0; r < runs_; r++) to(run(r, positions));
}

void GpuCache::restore(int positions, std::span<const std::byte> from) {
  if (from.size() != bytes(positions)) throw Error("gpu", "keys and values do not fit", fmt::format("{} bytes", from.size()), fmt::format("{} bytes for {} positions", bytes(positions), positions));
  const size_t n = static_cast<size_t>(positions * position_bytes_);
  for (int64_t r = 0; r < runs_; r++) device_->use()->upload(*memory_, run_at(r), from.subspan(static_cast<size_t>(r) * n, n));
}

std::optional<plan::Overflow> GpuCache::overflow(int positions) const {
  for (int64_t layer = 0; layer < layers_; layer++) {
    plan::HalvesSeen seen;
    for (int64_t first : {layer, layers_ + layer})  // keys, values
      for (int64_t r = first * kv_heads_; r < (first + 1) * kv_heads_; r++) {
        std::vector<std::byte> bytes = run(r, positions);
        std::vector<uint16_t> halves(bytes.size() / sizeof(uint16_t));
        std::memcpy(halves.data(), bytes.data(), bytes.size());
        for (uint16_t bits : halves) seen.add(bits);
      }
    if (seen.finite()) continue;
    if (!seen.overflow()) return std::nullopt;
    return plan::Overflow{static_cast<int>(layer), seen.range, "this device keeps them in no other way: choose one that takes another --kv"};
  }
  return std::nullopt;
}

}  // namespace ingot::gpu
