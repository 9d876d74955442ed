// Renders templates for a test in Python: reads a JSON object a line ({"template": …, "variables": {name: value}}) and writes one a
// line: {"text": …, "input": [[begin, end], …]} or {"error": …}, with the milliseconds it took. The clock stands still.
#include <chrono>
#include <iostream>
#include <nlohmann/json.hpp>

#include "ingot/error.h"
#include "jinja/template.h"

int main() {
  using Json = nlohmann::ordered_json;
  std::tm now{};  // Tuesday, 2024-07-09 13:05:07
  now.tm_year = 124, now.tm_mon = 6, now.tm_mday = 9, now.tm_hour = 13, now.tm_min = 5, now.tm_sec = 7, now.tm_wday = 2, now.tm_yday = 190;
  for (std::string line; std::getline(std::cin, line);) {
    const Json request = Json::parse(line);
    std::vector<std::string> values;
    for (const auto& [name, value] : request["variables"].items()) values.push_back(value.dump());
    std::vector<ingot::jinja::Variable> variables;
    for (const auto& [name, value] : request["variables"].items())
      variables.push_back({name, values[variables.size()], name == "messages" || name == "tools" || name == "documents"});
    Json answer;
    const auto start = std::chrono::steady_clock::now();
    try {
      const ingot::jinja::Text text = ingot::jinja::Template(request["template"].get<std::string>()).render(variables, "", now);
      answer["text"] = text.bytes();
      answer["input"] = Json::array();
      for (const ingot::jinja::Span& span : text.input()) answer["input"].push_back({span.begin, span.end});
    } catch (const ingot::Error& e) { answer["error"] = e.what(); }
    answer["ms"] = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
    std::cout << answer.dump() << std::endl;
  }
}
