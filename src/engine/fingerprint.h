// Tells models apart: whether keys and values that were computed once are those that this model would compute.
#pragma once
#include <cstdint>

#include "backend/plan.h"
#include "container/gguf.h"

namespace ingot::engine {

/// Follows from the metadata, from the tensors' names, shapes and formats and a little of their bytes (not all: that would mean reading
/// the whole model), and from all numbers of the plan that have a part in keys and values.
uint64_t fingerprint(const container::Gguf& file, const backend::Plan& plan);

}  // namespace ingot::engine
