#include "backends/cpu/cache.h"

#include <fmt/core.h>

#include <cstring>

#include "plan/finite.h"
#include "ingot/error.h"

namespace ingot::cpu {

namespace {
#include "dialect/cpp.h"
#include "attend/keys.h"

// Blocks of codes with one scale, which `encode` knows how to make, and a resident layout for keys.
bool keeps(const quant::Format& format, const FormatKernels& kernels, int head_size) { return format.encode && kernels.lane_rows && head_size % format.block == 0; }

}  // namespace

CacheLayout::CacheLayout(const plan::Plan& plan, const Isa& isa)
    : layers_(plan.layers), kv_heads_(plan.kv_heads), room_(whole_runs(plan.context)), head_size_(plan.head_size) {
  key_bytes_ = value_bytes_ = int64_t(head_size_) * static_cast<int>(sizeof(u16));
  for (size_t i = 0; i < quant::formats().size(); i++)
    if (const quant::Format& format = quant::formats()[i]; keeps(format, *isa.formats[i], head_size_) && (!widest_ || format.code_bits > widest_->code_bits)) widest_ = &format;
  if (!plan.kv_format) return;
  const FormatKernels& kernels = *isa.formats[plan.kv_format - quant::formats().data()];
  if (kernels.halves) return;
  if (!keeps(*plan.kv_format, kernels, head_size_))
    throw Error("cpu", "keys and values cannot be kept in this format", plan.kv_format->name, fmt::format("16-bit floats, or codes with one scale a block, in blocks that divide the head size {}", head_size_));
  format_ = plan.kv_format, kernels_ = &kernels;
  name_ = fmt::format("{} {}", format_->name, isa.name);
  key_bytes_ = int64_t(kernels.tile_bytes) / kernels.lane_rows * (head_size_ / format_->block);
  value_bytes_ = static_cast<int64_t>(format_->row_bytes(head_size_));
  coded_ = {kernels.resident, kernels.decode_row, key_bytes_ * gemv_max_rows, value_bytes_};
}

void CacheLayout::store(const OpKernels& ops, const float* key, const float* value, int position, u8* keys, u8* values) const {
  if (format_) {
    std::byte blocks[attend_max_head_size * sizeof(float)];
    int rows = kernels_->lane_rows;
    format_->encode(key, blocks, head_size_);
    kernels_->pack_one(reinterpret_cast<const u8*>(blocks), head_size_, position % rows, keys + position / rows * rows * key_bytes_);
    format_->encode(value, reinterpret_cast<std::byte*>(values + position * value_bytes_), head_size_);
  } else {
    u16 halves[attend_max_head_size];
    ops.store_halves(key, head_size_, halves);
    for (int i = 0; i < head_size_; i++) reinterpret_cast<u16*>(keys)[key_at(position, i, head_size_)] = halves[i];
    ops.store_halves(value, head_size_, reinterpret_cast<u16*>(values + position * value_bytes_));
  }
}

CpuCache::CpuCache(const plan::Plan& plan, const CacheLayout& layout)
    : layout_(layout),
      layers_(plan.layers),
      kv_heads_(plan.kv_heads),
      key_bytes_(layout.head_key_bytes()),
      value_bytes_(layout.head_value_bytes()),
      region_(capped_product(plan.layers, plan.kv_heads, capped_sum(key_bytes_, value_bytes_)), "keys and values", "ask for a shorter context", Pages::small) {}

uint64_t CpuCache::bytes(int positions) const {
  return capped_product(layers_, kv_heads_, capped_sum(layout_.key_bytes(positions), layout_.value_bytes(positions)));
}

void CpuCache::save(int positions, const std::function<void(std::span<const std::byte>)>& to) const {
  for (int layer = 0; layer < layers_; layer++)
    for (int head = 0; head < kv_heads_; head++) {
      to(std::as_bytes(std::span(keys(layer, head), layout_.key_bytes(positions))));
      to(std::as_bytes(std::span(values(layer, head), layout_.value_bytes(positions))));
    }
}

std::optional<plan::Overflow> CpuCache::overflow(int positions) const {
  if (layout_.coded()) return std::nullopt;
  int size = layout_.head_size();
  for (int layer = 0; layer < layers_; layer++) {
    plan::HalvesSeen seen;
    for (int head = 0; head < kv_heads_; head++) {
      const u16 *of_keys = reinterpret_cast<const u16*>(keys(layer, head)), *of_values = reinterpret_cast<const u16*>(values(layer, head));
      for (int position = 0; position < positions; position++)
        for (int i = 0; i < size; i++) seen.add(of_keys[key_at(position, i, size)]), seen.add(of_values[int64_t(position) * size + i]);
    }
    if (seen.finite()) continue;
    if (!seen.overflow()) return std::nullopt;
    return plan::Overflow{layer, seen.range, layout_.widest() ? fmt::format("keep them as codes with a scale: --kv {}", layout_.widest()->name) : "no other format keeps heads of this size"};
  }
  return std::nullopt;
}

void CpuCache::restore(int positions, std::span<const std::byte> from) {
  if (from.size() != bytes(positions)) throw Error("cpu", "keys and values do not fit", fmt::format("{} bytes", from.size()), fmt::format("{} bytes for {} positions", bytes(positions), positions));
  auto take = [&](u8* to, uint64_t n) {
    std::memcpy(to, from.data(), n);
    from = from.subspan(n);
  };
  for (int layer = 0; layer < layers_; layer++)
    for (int head = 0; head < kv_heads_; head++) {
      take(keys(layer, head), layout_.key_bytes(positions));
      take(values(layer, head), layout_.value_bytes(positions));
    }
}

}  // namespace ingot::cpu
