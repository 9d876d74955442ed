// What the encoding kernels are given, as types that the host and the units of every instruction set share.
#pragma once
#include "quant/integers.h"

namespace ingot {
#include "encode/params.h"
}  // namespace ingot
