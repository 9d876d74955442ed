// The formats of strings that can be enforced, as regular expressions.
#pragma once
#include <string>

namespace ingot::grammar {

/// The pattern that a whole string of format `name` matches; empty: unknown.
std::string format_pattern(const std::string& name);
/// Their names, for messages.
std::string format_names();

}  // namespace ingot::grammar
