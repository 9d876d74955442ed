// Fuzzes JSON schemas: any text is one or an ingot::Error, and every text of its grammar is JSON. The input is the
// schema, and behind a zero byte the choices of a random answer, which then ends as soon as it can.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "grammar/json_schema.h"
#include "grammar/matcher.h"

namespace {

using namespace ingot::grammar;

void check_json(const std::string& text) {
  try {
    (void)nlohmann::json::parse(text);
  } catch (const nlohmann::json::parse_error&) {
    std::abort();
  } catch (
      const nlohmann::json::out_of_range&) {  // an integer of hundreds of digits: JSON, but more than this parser takes
  }
}

std::string answer(Matcher& matcher, std::string_view choices) {
  std::string text;
  State state = matcher.start();
  for (size_t i = 0; text.size() < 2000; i++) {
    uint8_t chosen = 0;
    State best = dead;
    size_t n = 0;
    for (uint8_t byte : matcher.rules().class_byte) {
      const State next = matcher.step(state, byte);
      if (next == dead) continue;
      const bool is_better = i < choices.size() ? static_cast<uint8_t>(choices[i]) % ++n == 0
                                                : best == dead || matcher.shortest(next) < matcher.shortest(best);
      if (is_better) chosen = byte, best = next;
    }
    if (best == dead || (i >= choices.size() && matcher.accepts(state))) {
      if (!matcher.accepts(state)) std::abort();  // a dead end
      return text;
    }
    text += static_cast<char>(chosen);
    state = best;
  }
  return "null";  // what it must hold is longer
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string input(reinterpret_cast<const char*>(data), size);
  const size_t end = std::min(input.find('\0'), size);
  try {
    Budget budget(1 << 15);
    Matcher matcher(std::make_shared<Rules>(parse_json_schema(input.substr(0, end), budget)));
    const std::string text = answer(matcher, std::string_view(input).substr(end).substr(0, 500));
    check_json(text);
  } catch (const ingot::Error&) {}
  return 0;
}
