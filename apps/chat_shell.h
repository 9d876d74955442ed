// Interprets the lines of a chat: commands that begin with /, and messages for the model.
#pragma once
#include <map>
#include <optional>
#include <string>

#include "answerer.h"
#include "conversation.h"
#include "interrupt.h"
#include "locked_file.h"
#include "settings.h"

namespace ingot::apps {

class ChatShell {
 public:
  ChatShell(const Model& model, ChatTemplate chat_template, Settings settings,
            const std::optional<std::string>& system);
  /// Does what `line` says: a command, or a message to answer, until `watch` notes a Ctrl-C. False: the chat is over.
  /// Errors: Error, the chat can go on.
  bool take(const std::string& line, const InterruptWatch& watch);
  /// Answers `message`; streamed to stdout. False when Ctrl-C ended it. Errors: Error, and the message is taken back.
  bool ask(const std::string& message, const InterruptWatch& watch);
  /// What to type, a line for each command.
  static std::string help();

 private:
  struct Command;
  static const Command commands[];
  bool answer_last();
  void undo(const std::string&);
  void retry(const std::string&);
  void reset(const std::string&);
  void set_system(const std::string& text);
  void set(const std::string& words);
  void attach(const std::string& file);
  void may_replace(const std::string& path) const;
  void save(const std::string& file);
  void load(const std::string& file);
  void show_stats(const std::string&);
  void show_help(const std::string&);

  Settings settings_;
  Answerer answerer_;
  Conversation conversation_;
  std::string attached_;  // text of files that goes in front of the next message
  std::optional<Answered> last_;
  std::map<std::string, std::optional<FileVersion>> known_files_;  // by path: as this chat loaded or saved them
  const InterruptWatch* watch_ = nullptr;                          // while a line is taken
  int attempt_ = 0;                                                // how often the last message was asked again
  int told_left_out_ = 0;  // turns of which the person knows that they are left out
};

}  // namespace ingot::apps
