// The backends of this build. The list is generated from the folders of src/backend.
#pragma once
#include <span>
#include <string>

#include "backend/backend.h"

namespace ingot::engine {

std::span<const backend::Backend* const> backends();
/// The backend called `name`; "auto" is the first that can be used. Errors: unknown name, device that cannot be used.
const backend::Backend& find_backend(const std::string& name);
/// The same, but one that is named need not be usable: to learn what it would do.
const backend::Backend& named_backend(const std::string& name);

}  // namespace ingot::engine
