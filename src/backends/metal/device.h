// A Mac's GPU as gpu::Device: shared memory, kernels compiled by Metal, sequences encoded into one command buffer per
// run.
#pragma once
#include <memory>

#include "plan/backend.h"
#include "backends/gpu/device.h"

namespace ingot::metal {

/// What `ingot doctor` reports: what was found, and what is missing. Never throws.
plan::Device describe();

/// Opens the system's default GPU. Errors: there is none, or it is too old.
std::unique_ptr<gpu::Device> open_device();

}  // namespace ingot::metal
