// Renders templates for a test in Python: reads a JSON object a line ({"template": …, "variables": {name: value}}) and
// writes one a line: {"text": …, "input": [[begin, end], …]} or {"error": …}, with the steps and the bytes that were
// counted. Variables may also be given as texts of JSON ("json": {name: text}), so that they arrive as they are
// written. The clock stands still.
#include <iostream>
#include <nlohmann/json.hpp>

#include "ingot/error.h"
#include "jinja/template.h"

int main() {
  using Json = nlohmann::ordered_json;
  std::tm now{};  // Tuesday, 2024-07-09 13:05:07
  now.tm_year = 124, now.tm_mon = 6, now.tm_mday = 9, now.tm_hour = 13, now.tm_min = 5, now.tm_sec = 7, now.tm_wday = 2,
  now.tm_yday = 190;
  for (std::string line; std::getline(std::cin, line);) {
    const Json request = Json::parse(line);
    std::vector<std::string> values;
    std::vector<std::string> names;
    const auto add = [&](const std::string& name, std::string json) {
      names.push_back(name), values.push_back(std::move(json));
    };
    if (request.contains("variables"))
      for (const auto& [name, value] : request["variables"].items()) add(name, value.dump());
    if (request.contains("json"))
      for (const auto& [name, text] : request["json"].items()) add(name, text);
    std::vector<ingot::jinja::Variable> variables;
    for (size_t i = 0; i < names.size(); i++)
      variables.push_back(
          {names[i], values[i], names[i] == "messages" || names[i] == "tools" || names[i] == "documents"});
    Json answer;
    ingot::jinja::Spent spent;
    try {
      const ingot::jinja::Text text =
          ingot::jinja::Template(request["template"].get<std::string>()).render(variables, "", now, &spent);
      answer["text"] = text.bytes();
      answer["input"] = Json::array();
      for (const ingot::jinja::Span& span : text.input()) answer["input"].push_back({span.begin, span.end});
    } catch (const ingot::Error& e) { answer["error"] = e.what(); }
    answer["steps"] = spent.steps;
    answer["memory_bytes"] = spent.memory_bytes;
    std::cout << answer.dump() << std::endl;
  }
}
