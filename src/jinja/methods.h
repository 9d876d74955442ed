// The methods of strings, by name; those of lists and dicts stand beside the lookup.
#pragma once
#include <string_view>

#include "base/keyed_hash.h"
#include "jinja/renderer.h"

namespace ingot::jinja {

using Methods = HashMap<std::string_view, MethodFunction>;
const Methods& text_methods();

}  // namespace ingot::jinja
