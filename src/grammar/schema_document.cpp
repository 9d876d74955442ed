// Parsing, pointers and references.
#include "grammar/schema_document.h"

#include <array>
#include <charconv>

namespace ingot::grammar {
namespace {

/// The path from `node` down to `wanted`, if it is there.
bool find_path(const Json& node, const Json& wanted, std::string& path) {
  if (&node == &wanted) return true;
  const size_t before = path.size();
  for (auto it = node.begin(); node.is_structured() && it != node.end(); ++it) {
    path += '/';
    for (char c : node.is_object() ? it.key() : std::to_string(it - node.begin()))
      path += c == '~' ? "~0" : c == '/' ? "~1" : std::string(1, c);
    if (find_path(*it, wanted, path)) return true;
    path.resize(before);
  }
  return false;
}

std::string decode_percent(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); i++) {
    int value = 0;
    if (text[i] == '%' && i + 2 < text.size() &&
        std::from_chars(text.data() + i + 1, text.data() + i + 3, value, 16).ptr == text.data() + i + 3) {
      out += static_cast<char>(value);
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

std::string unescape(std::string_view token) {
  std::string out;
  for (size_t i = 0; i < token.size(); i++) {
    if (token[i] == '~' && i + 1 < token.size() && (token[i + 1] == '0' || token[i + 1] == '1'))
      out += token[++i] == '0' ? '~' : '/';
    else
      out += token[i];
  }
  return out;
}

const Json* step_down(const Json& node, const std::string& token) {
  if (node.is_object()) {
    auto found = node.find(token);
    return found == node.end() ? nullptr : &*found;
  }
  size_t index = 0;
  auto [end, error] = std::from_chars(token.data(), token.data() + token.size(), index);
  if (!node.is_array() || error != std::errc() || end != token.data() + token.size() || index >= node.size())
    return nullptr;
  return &node[index];
}

/// Finds a whole number that 64 bits cannot hold: the parser reads it as a float, and a bound or a listed value would
/// be another one.
struct LargeNumber : nlohmann::json_sax<Json> {
  std::string found;
  bool number_float(double, const std::string& spelled) override {
    if (spelled.find_first_of(".eE") == std::string::npos) found = spelled;
    return found.empty();
  }
  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(int64_t) override { return true; }
  bool number_unsigned(uint64_t) override { return true; }
  bool string(std::string&) override { return true; }
  bool binary(Json::binary_t&) override { return true; }
  bool start_object(size_t) override { return true; }
  bool key(std::string&) override { return true; }
  bool end_object() override { return true; }
  bool start_array(size_t) override { return true; }
  bool end_array() override { return true; }
  bool parse_error(size_t, const std::string&, const Json::exception&) override { return false; }
};

}  // namespace

SchemaDocument::SchemaDocument(std::string_view text, Budget& budget) {
  if (text.size() > max_bytes)
    throw Error("grammar", "the JSON schema is too large", std::to_string(text.size()) + " bytes",
                "at most " + std::to_string(max_bytes));
  std::array<uint64_t, max_depth + 2> members{};  // so far, of the object that is open at each depth
  try {
    root_ = Json::parse(text, [&](int depth, Json::parse_event_t event, Json&) {
      if (depth > max_depth)
        throw Error("grammar", "the JSON schema nests too deeply", "",
                    "at most " + std::to_string(max_depth) + " levels");
      const auto level = static_cast<size_t>(depth);
      if (event == Json::parse_event_t::object_start) members[level + 1] = 0;
      if (event == Json::parse_event_t::key) members[level]++;
      budget.spend(1 + members[level] / 16);  // an ordered object searches its members for each new one
      return true;
    });
  } catch (const Json::exception& e) { throw Error("grammar", "the JSON schema is not JSON", e.what()); }
  LargeNumber large;
  if (!Json::sax_parse(text, &large))
    throw Error("grammar", "the JSON schema holds a whole number that does not fit 64 bits", large.found,
                "-9223372036854775808 to 18446744073709551615", "with a point or an exponent (1e30) it is a float");
  if (!root_.is_object() && !root_.is_boolean())
    throw Error("grammar", "not a JSON schema", root_.type_name(), "an object or a boolean");
}

const Json* SchemaDocument::anchor(const Json& node, const std::string& name) const {
  if (node.is_object())
    if (auto found = node.find("$anchor"); found != node.end() && *found == name) return &node;
  for (const Json& part : node)
    if (part.is_structured())
      if (const Json* found = anchor(part, name)) return found;
  return nullptr;
}

const Json& SchemaDocument::resolve(const Json& schema) const {
  const Json& reference = schema["$ref"];
  if (!reference.is_string()) fail(schema, "$ref", "a reference is not a string", reference.dump());
  std::string text = reference.get<std::string>();
  if (root_.is_object() && root_.contains("$id") && root_["$id"].is_string()) {
    const std::string id = root_["$id"].get<std::string>();
    if (!id.empty() && text.starts_with(id)) text.erase(0, id.size());
  }
  if (!text.empty() && text[0] != '#')
    fail(schema, "$ref", "a reference to another document", text, "a reference that starts with #",
         "put the schema into $defs");
  const std::string path = decode_percent(std::string_view(text).substr(std::min<size_t>(1, text.size())));
  if (!path.empty() && path[0] != '/') {
    const Json* found = anchor(root_, path);
    if (!found) fail(schema, "$ref", "a reference to an unknown anchor", text);
    return *found;
  }
  const Json* node = &root_;
  for (size_t i = 0; i < path.size();) {
    const size_t end = std::min(path.find('/', i + 1), path.size());
    node = step_down(*node, unescape(std::string_view(path).substr(i + 1, end - i - 1)));
    if (!node) fail(schema, "$ref", "a reference to a place that does not exist", text);
    i = end;
  }
  return *node;
}

std::string SchemaDocument::pointer_to(const Json& node) const {
  std::string path = "#";
  find_path(root_, node, path);
  return path;
}

void SchemaDocument::fail(const Json& schema, const std::string& keyword, const std::string& what,
                          const std::string& got, const std::string& expected, const std::string& advice) const {
  throw Error("grammar", "at " + pointer_to(schema) + (keyword.empty() ? "" : "/" + keyword) + ": " + what, got,
              expected, advice);
}

}  // namespace ingot::grammar
