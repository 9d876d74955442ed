// Fuzzes grammars: any text is GBNF or an ingot::Error. Of those that are, random answers are followed: a state that is
// not dead can be finished, in as many bytes as it says, and a mask allows a token exactly when its bytes lead
// somewhere. The input is the grammar, and behind a zero byte the choices.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

#include "grammar/constraint.h"
#include "grammar/gbnf.h"

namespace {

using namespace ingot::grammar;

const std::vector<std::string>& pieces() {
  static const std::vector<std::string> all = [] {
    std::vector<std::string> made{"",   "root", "::=",      "ab",       "aa",  "abc", "\"]",  "\n ",
                                  "  ", "12",   "\xC3\xA9", "\xF0\x9F", "x\"", "\",", "a b c"};
    for (int b = 0; b < 256; b++) made.push_back(std::string(1, static_cast<char>(b)));
    return made;
  }();
  return all;
}

void require(bool holds) {
  if (!holds) std::abort();
}

void finish(Matcher& matcher, State state) {
  for (uint64_t left = std::min<uint64_t>(matcher.shortest(state), 200); left > 0; left--) {
    State best = dead;
    for (uint8_t byte : matcher.rules().class_byte) {
      const State next = matcher.step(state, byte);
      if (matcher.shortest(next) < matcher.shortest(best)) best = next;
    }
    require(matcher.shortest(best) + 1 == matcher.shortest(state));
    state = best;
  }
}

void follow(const std::shared_ptr<const Rules>& rules, std::string_view choices) {
  static const auto vocabulary = std::make_shared<VocabularyTrie>(pieces(), std::vector<int32_t>{0});
  Constraint constraint(rules, vocabulary);
  Matcher matcher(rules);
  State state = matcher.start();
  require(state != dead);
  for (char choice : choices.substr(0, std::min<size_t>(choices.size(), 64))) {
    const auto mask = constraint.allowed();
    std::vector<int32_t> possible;
    for (size_t id = 1; id < pieces().size(); id++) {
      const bool is_allowed = mask[id / 64] >> id % 64 & 1;
      require(is_allowed == (matcher.step(state, pieces()[id]) != dead));
      if (is_allowed) possible.push_back(static_cast<int32_t>(id));
    }
    require((mask[0] & 1) == matcher.accepts(state));
    if (possible.empty()) break;
    const int32_t id = possible[static_cast<uint8_t>(choice) % possible.size()];
    constraint.accept(id);
    state = matcher.step(state, pieces()[static_cast<size_t>(id)]);
  }
  finish(matcher, state);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string input(reinterpret_cast<const char*>(data), size);
  const size_t end = std::min(input.find('\0'), size);
  try {
    Budget budget(1 << 14);
    const auto rules = std::make_shared<Rules>(parse_gbnf(input.substr(0, end), budget));
    follow(rules, std::string_view(input).substr(end));
  } catch (const ingot::Error&) {}
  return 0;
}
