// A JSON schema as a document: parsed with limits, its nodes named by JSON pointers (RFC 6901), references inside it
// followed. Nothing outside it is ever read.
#pragma once
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "grammar/budget.h"

namespace ingot::grammar {

using Json = nlohmann::ordered_json;

class SchemaDocument {
 public:
  static constexpr int max_depth = 100;
  static constexpr size_t max_bytes = 4 << 20;
  /// Errors: not JSON, too large, too deep, over budget.
  SchemaDocument(std::string_view text, Budget& budget);
  const Json& root() const { return root_; }
  /// What `$ref` of `schema` refers to. Errors: outside this document, or nothing there.
  const Json& resolve(const Json& schema) const;
  /// "#/properties/name": where `node`, a part of this document, stands.
  std::string pointer_to(const Json& node) const;
  /// Throws an Error that names `schema` and its `keyword`.
  [[noreturn]] void fail(const Json& schema, const std::string& keyword, const std::string& what,
                         const std::string& got = "", const std::string& expected = "",
                         const std::string& advice = "") const;

 private:
  const Json* anchor(const Json& node, const std::string& name) const;
  Json root_;
};

}  // namespace ingot::grammar
