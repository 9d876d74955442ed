// An NVIDIA GPU as gpu::Device: one context, one stream; a sequence is a graph.
#pragma once
#include <memory>

#include "backend/backend.h"
#include "gpu/device.h"

namespace ingot::cuda {

/// Opens the first GPU. Errors: there is none, or it cannot be used.
std::unique_ptr<gpu::Device> open_device(const backend::Options& options);
/// What is there for `ingot doctor`, and what is missing.
backend::Device describe_device();

}  // namespace ingot::cuda
