// Python's two ways to put values into a text: "%s" % value and "{}".format(value).
#pragma once
#include "jinja/renderer.h"

namespace ingot::jinja {

/// pattern % values: %s %r %d %i %u %f %F %e %E %g %G %x %X %o %c %%, with flags, width, precision and (names). Errors:
/// other conversions, too few or too many values.
Text percent_format(Renderer& r, const Text& pattern, const Value& values);
/// pattern.format(…): fields {} {0} {name}, followed by !s or !r, and
/// :[[fill]align][sign][0][width][,][.precision][type]. Errors: fields inside of fields, other conversions.
Text brace_format(Renderer& r, const Text& pattern, const Arguments& arguments);

}  // namespace ingot::jinja
