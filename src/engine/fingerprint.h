// Tells models apart: whether keys and values that were computed once are those that this model would compute.
#pragma once
#include <cstdint>

#include "container/gguf.h"
#include "plan/plan.h"

namespace ingot::engine {

/// Follows from the metadata, from the tensors' names, shapes and formats and some of their bytes, and from all numbers
/// of the plan that have a part in keys and values. Of a tensor of up to 1 KiB all bytes count; of a larger one 17
/// samples of 64 bytes, the first, the middle and the last among them, equally far apart: what differs along a
/// sixteenth of a tensor without a gap is always seen, a single weight seldom. All bytes would mean reading the whole
/// model.
uint64_t fingerprint(const container::Gguf& file, const plan::Plan& plan);

}  // namespace ingot::engine
