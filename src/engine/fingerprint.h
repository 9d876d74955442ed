// Identifies models: whether keys and values that were computed earlier are those that this model would compute.
#pragma once
#include <cstdint>

#include "container/gguf.h"
#include "plan/plan.h"

namespace ingot::engine {

/// A hash of the metadata, of the tensors' names, shapes and formats and some of their bytes, and of all numbers of the
/// plan that affect keys and values. Of a tensor of up to 1 KiB all bytes count; of a larger one 17 samples of 64
/// bytes, the first, the middle and the last among them, equally far apart: a difference over a contiguous sixteenth of
/// a tensor is always seen, a single weight seldom. All bytes would mean reading the whole model.
uint64_t fingerprint(const container::Gguf& file, const plan::Plan& plan);

}  // namespace ingot::engine
