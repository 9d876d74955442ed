// The flags' own parser reads each member, so that there is one list of names and one set of checks.
#include "requests.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "command_line.h"
#include "files.h"
#include "flags.h"
#include "sampling_flags.h"

namespace ingot::apps {
namespace {

using Value = nlohmann::ordered_json;

/// One line while it is read.
class Reader {
 public:
  Reader(const std::string& path, size_t line, const RequestLine& defaults)
      : path_(path), line_(line), request_(defaults) {
    add_limits(parser_, request_.limits);
    add_sampling(parser_, request_.sampling);
    add_structure(parser_, request_.structure);
    parser_.add_option("--logprobs", &request_.logprobs, "")->check(whole_number(0, max_logprobs));
  }

  RequestLine read(std::string_view text) {
    const Value members = Value::parse(text, nullptr, false);
    if (!members.is_object())
      throw error("a line is not a request", members.is_discarded() ? "no valid JSON" : members.type_name(),
                  "one JSON object");
    for (const auto& [name, value] : members.items()) member(name, value);
    if (members.contains("prompt") == members.contains("messages"))
      throw error("a request has no prompt", members.contains("prompt") ? "\"prompt\" and \"messages\"" : "neither",
                  "\"prompt\" or \"messages\"");
    if (!request_.messages.empty() && (request_.raw || request_.system))
      throw error("\"messages\" exclude \"raw\" and \"system\"", "both", "one of them");
    if (request_.raw && request_.system) throw error("\"raw\" excludes \"system\"", "both", "one of them");
    try {
      parser_.parse(words_);
    } catch (const UsageError& e) { throw error("a member has an impossible value", e.what(), ""); }
    if (request_.sampling.ignore_end && !(request_.structure.grammar + request_.structure.schema).empty())
      throw error("\"ignore-eos\" with a grammar", "both", "one of them: the grammar says where the text ends");
    return std::move(request_);
  }

 private:
  void member(const std::string& name, const Value& value) {
    if (name == "prompt") {
      request_.prompt = text_of(name, value);
    } else if (name == "system") {
      request_.system = text_of(name, value);
    } else if (name == "raw") {
      if (!value.is_boolean()) throw error("\"raw\" is not a boolean", value.type_name(), "true or false");
      request_.raw = value;
    } else if (name == "messages") {
      if (!value.is_array() || value.empty())
        throw error("\"messages\" are not a conversation", value.type_name(), "an array with at least one message");
      request_.messages = value.dump();
    } else {
      flag(name, value);
    }
  }

  void flag(const std::string& name, const Value& value) {
    std::string dashed = name;
    std::ranges::replace(dashed, '_', '-');
    const Option* option = parser_.find((dashed.size() == 1 ? "-" : "--") + dashed);
    if (dashed.empty() || !option)
      throw error(fmt::format("there is no member '{}'", name), "",
                  "prompt, messages, system, raw, or the name of a flag of `ingot run`");
    if (value.is_boolean()) {
      words_.push_back(fmt::format("--{}={}", option->name(), value.get<bool>()));
    } else if (value.is_array()) {
      for (const Value& element : value) words_.push_back(fmt::format("--{}={}", option->name(), word(element)));
    } else {
      words_.push_back(fmt::format("--{}={}", option->name(), word(value)));
    }
  }

  /// As it would be written on the command line; an object (a JSON schema) is its own text.
  static std::string word(const Value& value) { return value.is_string() ? value.get<std::string>() : value.dump(); }

  std::string text_of(const std::string& name, const Value& value) const {
    if (!value.is_string()) throw error(fmt::format("\"{}\" is not a text", name), value.type_name(), "a string");
    return value;
  }

  Error error(const std::string& what, const std::string& got, const std::string& expected) const {
    return Error("run", fmt::format("{} line {}: {}", path_, line_, what), got, expected);
  }

  const std::string& path_;
  size_t line_;
  RequestLine request_;
  Command parser_;
  std::vector<std::string> words_;
};

}  // namespace

RequestLine read_request(std::string_view text, const std::string& path, size_t line, const RequestLine& defaults) {
  return Reader(path, line, defaults).read(text);
}

std::vector<RequestLine> read_requests(const std::string& path, const RequestLine& defaults) {
  const std::string text = read_text(path);
  std::vector<RequestLine> requests;
  size_t line = 0;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    const std::string_view one = std::string_view(text).substr(at, end - at);
    line++, at = end + 1;
    if (one.find_first_not_of(" \t\r") != one.npos) requests.push_back(read_request(one, path, line, defaults));
  }
  if (requests.empty()) throw Error("run", path + " holds no requests", "", "one JSON object per line");
  return requests;
}

}  // namespace ingot::apps
