// What the encoding kernels are given, as types that the host and the units of every instruction set share.
#pragma once

namespace ingot {
#include "dialect/integers.h"
#include "encode/params.h"
}  // namespace ingot
