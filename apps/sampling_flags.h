// Flags that say how tokens are chosen and when to stop, for every command that writes text.
#pragma once
#include <string>
#include <vector>

#include "command_line.h"
#include "ingot/ingot.h"

namespace ingot::apps {

/// --temp … --seed: the samplers and their order.
void add_sampling(Command& command, SamplingOptions& options);

/// -n, --stop, --context-shift, --keep: how far to write. `keep`: −1 is the whole prompt.
void add_limits(Command& command, GenerateOptions& options);

}  // namespace ingot::apps
