// Answers as JSON: always one value, always valid UTF-8. A value knows how it is built; nlohmann's library, which is
// costly to compile, writes it, in json_output.cpp alone.
#pragma once
#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace ingot::apps {

/// One JSON value: {{"key", value}, …} is an object, whose keys stay in the order in which they were set.
class Json {
 public:
  using Member = std::pair<std::string, Json>;
  using Array = std::vector<Json>;
  using Object = std::vector<Member>;
  using Value = std::variant<std::monostate, bool, int64_t, uint64_t, double, std::string, Array, Object>;

  Json() = default;  // null
  Json(bool value) : value_(value) {}
  template <std::signed_integral T> Json(T value) : value_(int64_t{value}) {}
  template <std::unsigned_integral T> Json(T value) : value_(uint64_t{value}) {}
  Json(double value) : value_(value) {}
  Json(const char* text) : value_(std::string(text)) {}
  Json(std::string_view text) : value_(std::string(text)) {}
  Json(std::string text) : value_(std::move(text)) {}
  template <class T> Json(const std::vector<T>& list) : value_(Array(list.begin(), list.end())) {}
  template <class T> Json(const std::optional<T>& value) {
    if (value) *this = Json(*value);
  }
  Json(std::initializer_list<Member> members);

  static Json array(std::initializer_list<Json> elements = {});
  /// Of an array.
  void push_back(Json element);
  /// Adds a member to an object, or to what was null.
  void add(std::string_view key, Json value);
  const Value& value() const { return value_; }
  /// `indent`: spaces for each level, −1: all on one line. Bytes that are no UTF-8 become U+FFFD; what is not finite
  /// becomes null.
  std::string text(int indent = -1) const;

 private:
  Value value_;
};

/// Writes `value` to stdout on one line, on a terminal on as many as it takes to read it.
void answer_json(const Json& value);

/// `x` with the digits that a float has and no more: 0.1f is 0.1, not 0.10000000149011612.
double as_written(float x);

/// `text` with U+FFFD for bytes that are no UTF-8.
std::string valid_utf8(const std::string& text);

}  // namespace ingot::apps
