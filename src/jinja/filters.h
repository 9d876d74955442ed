// The filters, by name; each file of them adds its own.
#pragma once
#include <string_view>

#include "base/keyed_hash.h"
#include "jinja/renderer.h"

namespace ingot::jinja {

using FilterFunction = Value (*)(Renderer&, const Value& input, const Arguments&);
using Filters = HashMap<std::string_view, FilterFunction>;

void add_text_filters(Filters& filters);
void add_value_filters(Filters& filters);
void add_list_filters(Filters& filters);

}  // namespace ingot::jinja
