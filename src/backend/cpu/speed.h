// How fast each format's kernels run on this machine, without a model.
#pragma once
#include <string>
#include <vector>

#include "backend/backend.h"

namespace ingot::cpu {

std::vector<backend::FormatSpeed> format_speeds(const backend::Options& options);

}  // namespace ingot::cpu
