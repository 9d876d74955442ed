// Tensor types of model files, as the registry of formats knows them.
#pragma once
#include <optional>

#include "base/checked.h"
#include "container/gguf.h"
#include "quant/format.h"

namespace ingot::foundry {

/// Geometry of a tensor type, from the registry of formats; nothing when unknown.
inline std::optional<container::Geometry> geometry_of(uint32_t type) {
  const quant::Format* f = quant::find_format("ggml", type);
  if (!f) return std::nullopt;
  return container::Geometry{narrow<uint64_t>(f->block), narrow<uint64_t>(f->block_bytes), f->name};
}

}  // namespace ingot::foundry
