// How many bytes per second a device reads.
#pragma once
#include "backends/gpu/device.h"

namespace ingot::gpu {

/// Bytes per second over a range of memory that exceeds every cache, the best of several tries.
double read_bandwidth(Device& device);

}  // namespace ingot::gpu
