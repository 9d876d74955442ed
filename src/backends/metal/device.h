// A Mac's GPU as gpu::Device: memory that both sides see, kernels compiled by Metal, sequences encoded into one command
// buffer a run.
#pragma once
#include <memory>

#include "plan/backend.h"
#include "backends/gpu/device.h"

namespace ingot::metal {

/// What is there for `ingot doctor`, and what is missing. Never throws.
plan::Device describe();

/// Opens the system's default GPU. Errors: there is none, or it is too old.
std::unique_ptr<gpu::Device> open_device();

}  // namespace ingot::metal
