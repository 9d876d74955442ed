// Keys and values of a session on a GPU: f16, a run of positions for each layer and kv_head, keys of all layers before the values.
#pragma once
#include <memory>

#include "plan/backend.h"
#include "backends/gpu/shared_device.h"

namespace ingot::gpu {

/// Positions that a cache has room for: the context in whole tiles of 64.
int64_t cache_room(const plan::Plan& plan);
uint64_t cache_bytes(const plan::Plan& plan);
/// Bytes from the keys (or values) of one layer to the next, and from a position to the next.
uint64_t cache_layer_bytes(const plan::Plan& plan);

class GpuCache : public plan::Cache {
 public:
  GpuCache(std::shared_ptr<SharedDevice> device, const plan::Plan& plan);
  Address address() const { return memory_->address(); }
  std::string layout() const override { return "f16 rows"; }
  uint64_t bytes(int positions) const override;
  void save(int positions, const std::function<void(std::span<const std::byte>)>& to) const override;
  void restore(int positions, std::span<const std::byte> from) override;
  std::optional<plan::Overflow> overflow(int positions) const override;

  OnDevice<Sequence> one_token, best_of_one;  ///< recorded at the first use

 private:
  std::vector<std::byte> run(int64_t r, int positions) const;
  uint64_t run_at(int64_t r) const { return static_cast<uint64_t>(r * room_ * position_bytes_); }
  std::shared_ptr<SharedDevice> device_;
  int64_t layers_, kv_heads_, room_, position_bytes_;
  int64_t runs_;  // of positions: keys of every layer and kv_head, then values
  OnDevice<Memory> memory_;
};

}  // namespace ingot::gpu
