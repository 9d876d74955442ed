// The dialect's integers as types of the host: whoever reads kernels' headers as C++ includes this before them.
#pragma once

namespace ingot {
#include "dialect/integers.h"
}  // namespace ingot
