// Which sampling options make sense.
#pragma once
#include "ingot/ingot.h"

namespace ingot::sampling {

/// Errors: an option out of its range, a sampler that is not known. `vocab`: tokens there are.
void check_options(const SamplingOptions& options, int vocab);

}  // namespace ingot::sampling
