// Keys and values: how they are laid out, and where.
#pragma once
#include "plan/backend.h"
#include "backends/cpu/kernels.h"
#include "backends/cpu/region.h"

namespace ingot::cpu {

/// How keys and values of a plan are kept: f16, or blocks of the plan's format. Laid out as AttendParams and CodedCache say.
class CacheLayout {
 public:
  /// Errors: a format that cannot hold keys and values.
  CacheLayout(const plan::Plan& plan, const Isa& isa);
  uint64_t bytes_per_token() const { return capped_product(key_bytes_ + value_bytes_, kv_heads_, layers_); }
  /// Of one layer and kv_head, for all positions.
  uint64_t head_key_bytes() const { return capped_product(key_bytes_, room_); }
  uint64_t head_value_bytes() const { return capped_product(value_bytes_, room_); }
  /// Writes key and value of one position. `keys`, `values`: of the layer and kv_head.
  void store(const OpKernels& ops, const float* key, const float* value, int position, u8* keys, u8* values) const;
  const CodedCache* coded() const { return format_ ? &coded_ : nullptr; }
  int head_size() const { return head_size_; }
  /// The format besides f16 that keeps the largest keys and values of this plan; null: there is none.
  const quant::Format* widest() const { return widest_; }
  /// Bytes of the first `positions` of one layer and kv_head, which lie together at the beginning: whole runs of 64 for keys.
  uint64_t key_bytes(int positions) const { return capped_product(whole_runs(positions), key_bytes_); }
  uint64_t value_bytes(int positions) const { return capped_product(positions, value_bytes_); }
  /// Positions in whole runs of 64.
  static int64_t whole_runs(int positions) { return (int64_t(positions) + gemv_max_rows - 1) / gemv_max_rows * gemv_max_rows; }
  /// "f16", or format and instruction set: rows of a resident layout differ between those.
  const std::string& name() const { return name_; }

 private:
  const quant::Format* format_ = nullptr;  // null: f16
  const FormatKernels* kernels_ = nullptr;
  const quant::Format* widest_ = nullptr;
  int64_t layers_, kv_heads_, room_;       // room: positions, whole runs of 64
  int64_t key_bytes_, value_bytes_;        // of one position
  int head_size_;
  CodedCache coded_ = {};
  std::string name_ = "f16";
};

/// Keys and values of one session. The layout must outlive them.
class CpuCache : public plan::Cache {
 public:
  CpuCache(const plan::Plan& plan, const CacheLayout& layout);
  u8* keys(int layer, int kv_head) const { return region_.data() + (int64_t(layer) * kv_heads_ + kv_head) * int64_t(key_bytes_ + value_bytes_); }
  u8* values(int layer, int kv_head) const { return keys(layer, kv_head) + key_bytes_; }
  std::string layout() const override { return layout_.name(); }
  uint64_t bytes(int positions) const override;
  void save(int positions, const std::function<void(std::span<const std::byte>)>& to) const override;
  void restore(int positions, std::span<const std::byte> from) override;
  std::optional<plan::Overflow> overflow(int positions) const override;

 private:
  const CacheLayout& layout_;
  int64_t layers_, kv_heads_;
  uint64_t key_bytes_, value_bytes_;  // of one layer and kv_head
  Region region_;
};

}  // namespace ingot::cpu
