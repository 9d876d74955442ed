// How fast each format's kernels run on this machine, without a model.
#pragma once
#include <string>
#include <vector>

#include "plan/backend.h"

namespace ingot::cpu {

std::vector<plan::FormatSpeed> format_speeds(const plan::Options& options);

}  // namespace ingot::cpu
