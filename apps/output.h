// Output: answers to stdout, everything else to stderr. Everything that the command writes passes through here, so that
// untrusted text (a model's output, names in a file, an argument) cannot control a terminal: control characters appear
// as \xNN there. Output to a pipe or a file is written byte for byte.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ingot::apps {

enum class Color { bold, dim, red, yellow };

/// Text in colours of our own, for the streams that take colour. Without one it is any text.
class Styled {
 public:
  Styled(std::string text) { pieces_.push_back({std::nullopt, std::move(text)}); }
  Styled(std::string_view text) : Styled(std::string(text)) {}
  Styled(const char* text) : Styled(std::string(text)) {}
  Styled(Color color, std::string text) { pieces_.push_back({color, std::move(text)}); }
  Styled& operator+=(const Styled& more);
  friend Styled operator+(Styled text, const Styled& more) { return text += more; }

  struct Piece {
    std::optional<Color> color;
    std::string text;
  };
  const std::vector<Piece>& pieces() const { return pieces_; }

 private:
  std::vector<Piece> pieces_;
};

/// Thrown when stdout has no reader any more (`ingot … | head`).
struct ReaderGone {};

/// Writes `text` to stdout, buffered. Errors: ReaderGone; Error when the text cannot be written (disk full).
void answer(const Styled& text);
/// Hands out what `answer` holds back. Errors as there.
void flush_answer();
/// Writes a line to stderr.
void note(const Styled& line);
/// Writes to stderr as it stands: control sequences of our own.
void control_terminal(std::string_view sequence);

}  // namespace ingot::apps
