// The one error type of the library. Every failure that a user can cause or mend arrives as an `Error` whose text reads
// "[room] what; got; expected; what to do". The library throws it and nothing else; it never prints, aborts or exits.
#pragma once
#include <stdexcept>
#include <string>
#include <utility>

namespace ingot {

/// What went wrong, told from the user's side. The text is one line that any terminal can show, whatever a file put
/// into its parts: control characters, bytes that are not UTF-8, and invisible or direction-changing characters appear
/// as \xNN, and long parts are cut.
class Error : public std::runtime_error {
 public:
  /// `room`: the part of the house that speaks ("container", "foundry", "text", …). Empty parts are left out of the
  /// text.
  Error(const std::string& room, const std::string& what, const std::string& got = "", const std::string& expected = "",
        const std::string& advice = "");
  /// The same error, which then also says of which file it speaks: "[room] file: what; …".
  Error in_file(const std::string& file) const;
  /// The room that raised the error.
  const std::string& room() const noexcept { return room_; }

 private:
  struct Whole {};
  Error(std::string room, const std::string& text, Whole) : std::runtime_error(text), room_(std::move(room)) {}
  std::string room_;
};

}  // namespace ingot
