// Line input at a terminal: editing, history, multi-line input. It handles keys and does not interpret lines.
#pragma once
#include <memory>
#include <optional>
#include <string>

namespace ingot::apps {

class LineEditor {
 public:
  /// `history_file`: where the history is kept between runs; "" for none. A file that cannot be read counts as empty,
  /// but is not replaced.
  explicit LineEditor(std::string history_file);
  ~LineEditor();
  LineEditor(const LineEditor&) = delete;
  LineEditor& operator=(const LineEditor&) = delete;

  enum class End { line, interrupt, input };  // Enter, Ctrl-C, Ctrl-D on an empty line or a closed terminal
  struct Line {
    End end;
    std::string text;  ///< without the last line end; may hold others (Alt-Enter, or pasted)
  };
  /// `prompt`: text before the input, without a trailing space.
  Line read(const std::string& prompt);
  /// Adds `line` to the history and to its file, which several chats may share. Returns what went wrong with the file,
  /// or "".
  std::string remember(const std::string& line);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace ingot::apps
