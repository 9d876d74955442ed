// The backends of this build. The list is generated from the folders of src/backends.
#pragma once
#include <span>
#include <string>

#include "plan/backend.h"

namespace ingot::engine {

std::span<const plan::Backend* const> backends();
/// The backend called `name`; "auto" is the first that can be used. Errors: unknown name, device that cannot be used.
const plan::Backend& find_backend(const std::string& name);
/// The same, but a named backend need not be usable: to learn what it would do.
const plan::Backend& named_backend(const std::string& name);

}  // namespace ingot::engine
