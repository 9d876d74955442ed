// One way to write JSON for all commands.
#include "json_output.h"

#include <fmt/format.h>

#include <cmath>
#include <cstdlib>

#include "output.h"
#include "terminal.h"

namespace ingot::apps {

void answer_json(const Json& value) {
  int indent = is_terminal(Stream::answers) ? 2 : -1;
  answer(value.dump(indent, ' ', false, Json::error_handler_t::replace) + "\n");
}

double as_written(float x) { return std::isfinite(x) ? std::strtod(fmt::format("{}", x).c_str(), nullptr) : x; }

}  // namespace ingot::apps
