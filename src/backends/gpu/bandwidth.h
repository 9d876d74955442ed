// How many bytes a second a device reads.
#pragma once
#include "backends/gpu/device.h"

namespace ingot::gpu {

/// Bytes per second over a run of memory that no cache holds, the best of several tries.
double read_bandwidth(Device& device);

}  // namespace ingot::gpu
