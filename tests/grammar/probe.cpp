// Answers a script's questions about grammars, one JSON object a line:
//
//   {"schema" or "grammar": TEXT, "walks": N, "seed": N, "check": [TEXT…]}   →
//   {"walks": [TEXT…], "accepts": [true or false…], "steps": N}   or   {"error": TEXT, "steps": N}
//
// A walk is a random text of the grammar: any byte that may follow, until it has become long; from then on the shortest
// way out.
#include <iostream>
#include <nlohmann/json.hpp>
#include <random>

#include "grammar/gbnf.h"
#include "grammar/json_schema.h"
#include "grammar/matcher.h"

namespace {

using namespace ingot::grammar;

std::string walk(Matcher& matcher, std::mt19937& random) {
  std::string text;
  const size_t long_enough = random() % 200;
  for (State state = matcher.start();;) {
    const bool is_long = text.size() >= long_enough;
    if (matcher.accepts(state) && (is_long || random() % 4 == 0)) return text;
    std::vector<std::pair<uint8_t, State>> possible;
    for (uint8_t byte : matcher.rules().class_byte)
      if (const State next = matcher.step(state, byte); next != dead) possible.push_back({byte, next});
    if (possible.empty()) return matcher.accepts(state) ? text : "DEAD END " + text;
    auto [byte, next] = possible[random() % possible.size()];
    if (is_long)
      std::tie(byte, next) =
          *std::ranges::min_element(possible, {}, [&](const auto& p) { return matcher.shortest(p.second); });
    std::vector<char> alike;  // bytes of the same class lead to the same state
    for (int b = 0; b < 256; b++)
      if (matcher.rules().byte_class[b] == matcher.rules().byte_class[byte]) alike.push_back(static_cast<char>(b));
    text += alike[random() % alike.size()];
    state = next;
  }
}

nlohmann::json answer(const nlohmann::json& question) {
  Budget budget;
  try {
    Rules rules = question.contains("schema") ? parse_json_schema(question["schema"].get<std::string>(), budget)
                                              : parse_gbnf(question["grammar"].get<std::string>(), budget);
    Matcher matcher(std::make_shared<Rules>(std::move(rules)));
    nlohmann::json made{
        {"walks", nlohmann::json::array()}, {"accepts", nlohmann::json::array()}, {"steps", budget.spent()}};
    std::mt19937 random(question.value("seed", 1u));
    for (int i = 0; i < question.value("walks", 0); i++) made["walks"].push_back(walk(matcher, random));
    for (const auto& text : question.value("check", nlohmann::json::array()))
      made["accepts"].push_back(matcher.accepts(matcher.step(matcher.start(), text.get<std::string>())));
    return made;
  } catch (const ingot::Error& e) { return {{"error", e.what()}, {"steps", budget.spent()}}; }
}

}  // namespace

int main() {
  for (std::string line; std::getline(std::cin, line);)
    std::cout << answer(nlohmann::json::parse(line)).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)
              << std::endl;
}
