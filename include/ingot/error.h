// The one error type of the library. Every failure that a user can cause or mend arrives as an `Error` whose text reads
// "[room] what; got; expected; what to do". The library throws it and nothing else; it never prints, aborts or exits.
#pragma once
#include <stdexcept>
#include <string>

namespace ingot {

/// What went wrong, told from the user's side.
class Error : public std::runtime_error {
 public:
  /// `room`: the part of the house that speaks ("container", "foundry", "text", …). Empty parts are left out of the text.
  Error(const std::string& room, const std::string& what, const std::string& got = "", const std::string& expected = "", const std::string& advice = "")
      : std::runtime_error(text(room, what, got, expected, advice)), room_(room) {}
  /// The same error, which then also says of which file it speaks: "[room] file: what; …". `file` is shown as it is.
  Error in_file(const std::string& file) const { return Error(room_, file + ": " + std::string(what()).substr(room_.size() + 3)); }
  /// The room that raised the error.
  const std::string& room() const noexcept { return room_; }

 private:
  static std::string text(const std::string& room, const std::string& what, const std::string& got, const std::string& expected, const std::string& advice) {
    std::string s = "[" + room + "] " + what;
    if (!got.empty()) s += "; got " + got;
    if (!expected.empty()) s += "; expected " + expected;
    if (!advice.empty()) s += "; " + advice;
    return s;
  }
  std::string room_;
};

}  // namespace ingot
