// Keys and values: how they are laid out, and where.
#pragma once
#include "backend/backend.h"
#include "backend/cpu/kernels.h"
#include "backend/cpu/region.h"

namespace ingot::cpu {

/// How keys and values of a plan are kept: f16, or blocks of the plan's format. Laid out as AttendParams and CodedCache say.
class CacheLayout {
 public:
  /// Errors: a format that cannot hold keys and values.
  CacheLayout(const backend::Plan& plan, const Isa& isa);
  int64_t bytes_per_token() const { return (key_bytes_ + value_bytes_) * kv_heads_ * layers_; }
  int64_t head_key_bytes() const { return key_bytes_ * room_; }
  int64_t head_value_bytes() const { return value_bytes_ * room_; }
  /// Writes key and value of one position. `keys`, `values`: of the layer and kv_head.
  void store(const OpKernels& ops, const float* key, const float* value, int position, u8* keys, u8* values) const;
  const CodedCache* coded() const { return format_ ? &coded_ : nullptr; }

 private:
  const quant::Format* format_ = nullptr;  // null: f16
  const FormatKernels* kernels_ = nullptr;
  int64_t layers_, kv_heads_, room_;       // room: positions, whole runs of 64
  int64_t key_bytes_, value_bytes_;        // of one position
  int head_size_;
  CodedCache coded_ = {};
};

/// Keys and values of one session.
class CpuCache : public backend::Cache {
 public:
  CpuCache(const backend::Plan& plan, const CacheLayout& layout);
  u8* keys(int layer, int kv_head) const { return region_.data() + (int64_t(layer) * kv_heads_ + kv_head) * (key_bytes_ + value_bytes_); }
  u8* values(int layer, int kv_head) const { return keys(layer, kv_head) + key_bytes_; }

 private:
  int64_t kv_heads_, key_bytes_, value_bytes_;  // bytes: of one layer and kv_head
  Region region_;
};

}  // namespace ingot::cpu
