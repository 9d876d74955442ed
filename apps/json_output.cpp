// One way to write JSON for all commands.
#include "json_output.h"

#include <fmt/format.h>

#include <cmath>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "output.h"
#include "terminal.h"

namespace ingot::apps {
namespace {

using Written = nlohmann::ordered_json;

Written written(const Json& value);

struct Writing {
  Written operator()(std::monostate) const { return {}; }
  Written operator()(const Json::Array& list) const {
    Written all = Written::array();
    for (const Json& element : list) all.push_back(written(element));
    return all;
  }
  Written operator()(const Json::Object& members) const {
    Written all = Written::object();
    for (const auto& [key, member] : members) all[key] = written(member);
    return all;
  }
  template <class T> Written operator()(const T& scalar) const { return scalar; }
};

Written written(const Json& value) { return std::visit(Writing(), value.value()); }

std::string dumped(const Written& value, int indent) {
  return value.dump(indent, ' ', false, Written::error_handler_t::replace);
}

}  // namespace

Json::Json(std::initializer_list<Member> members) : value_(Object(members)) {}

Json Json::array(std::initializer_list<Json> elements) {
  Json list;
  list.value_ = Array(elements);
  return list;
}

void Json::push_back(Json element) { std::get<Array>(value_).push_back(std::move(element)); }

void Json::add(std::string_view key, Json value) {
  if (std::holds_alternative<std::monostate>(value_)) value_ = Object();
  std::get<Object>(value_).emplace_back(key, std::move(value));
}

std::string Json::text(int indent) const { return dumped(written(*this), indent); }

void answer_json(const Json& value) { answer(value.text(is_terminal(Stream::answers) ? 2 : -1) + "\n"); }

double as_written(float x) { return std::isfinite(x) ? std::strtod(fmt::format("{}", x).c_str(), nullptr) : x; }

std::string valid_utf8(const std::string& text) { return Written::parse(dumped(text, -1)).get<std::string>(); }

}  // namespace ingot::apps
