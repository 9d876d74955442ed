// Commands by a table; everything that is no answer is a note on stderr.
#include "chat_shell.h"

#include <fmt/format.h>

#include <cstdlib>

#include "files.h"
#include "output.h"
#include "table.h"
#include "terminal.h"

namespace ingot::apps {
namespace {

void tell(const std::string& text) { note(Styled(Color::dim, text)); }

std::string trimmed(const std::string& text) {
  const char* blanks = " \t\r\n";
  size_t begin = text.find_first_not_of(blanks);
  return begin == std::string::npos ? "" : text.substr(begin, text.find_last_not_of(blanks) - begin + 1);
}

/// The first word, and the rest without the blanks around it.
std::pair<std::string, std::string> split_word(const std::string& text) {
  size_t end = std::min(text.find_first_of(" \t\n"), text.size());
  return {text.substr(0, end), trimmed(text.substr(end))};
}

/// "~/notes" as the shell would read it.
std::string expanded(const std::string& file) {
  const char* home = std::getenv("HOME");
  return home && file.starts_with("~/") ? home + file.substr(1) : file;
}

std::string beginning(const std::string& text) {
  const size_t max_bytes = 60;
  std::string line = text.substr(0, text.find('\n'));
  return line.size() > max_bytes ? valid_utf8(line.substr(0, max_bytes)) + "…" : line == text ? line : line + " …";
}

const std::string& needs(const std::string& argument, const char* what) {
  if (argument.empty())
    throw Error("chat", fmt::format("there is no {}", what), "", "", "/help shows the arguments of each command");
  return argument;
}

}  // namespace

struct ChatShell::Command {
  const char *name, *argument, *what;
  void (ChatShell::*act)(const std::string&);  // null: ends the chat
};

const ChatShell::Command ChatShell::commands[] = {
    {"/help", "", "show this", &ChatShell::show_help},
    {"/retry", "", "answer the last message again, differently", &ChatShell::retry},
    {"/undo", "", "remove the last message and its answer", &ChatShell::undo},
    {"/reset", "", "forget the conversation; the system message stays", &ChatShell::reset},
    {"/system", "[TEXT]", "set the system message; without TEXT, remove it", &ChatShell::set_system},
    {"/file", "PATH", "prepend a file's text to your next message", &ChatShell::attach},
    {"/set", "[NAME [VALUE]]", "change a setting, such as /set temp 0.7; alone: show all settings", &ChatShell::set},
    {"/stats", "", "show the speed of the last answer and how full the context is", &ChatShell::show_stats},
    {"/save", "PATH", "write the conversation to a file", &ChatShell::save},
    {"/load", "PATH", "continue from a file that /save wrote", &ChatShell::load},
    {"/quit", "", "end the chat; Ctrl-D does too", nullptr},
};

ChatShell::ChatShell(const Model& model, ChatTemplate chat_template, Settings settings,
                     const std::optional<std::string>& system)
    : settings_(std::move(settings)), answerer_(model, std::move(chat_template)) {
  if (system) conversation_.set_system(valid_utf8(*system));
}

bool ChatShell::take(const std::string& line, const InterruptWatch& watch) {
  watch_ = &watch;
  if (!line.starts_with('/')) {
    if (!trimmed(line).empty()) ask(line, watch);
    return true;
  }
  auto [name, argument] = split_word(line);
  for (const Command& command : commands) {
    if (command.name != name) continue;
    if (!*command.argument && !argument.empty())
      throw Error("chat", fmt::format("{} takes no argument", name), "'" + argument + "'", "",
                  "a message that begins with / needs a space before it");
    if (!command.act) return false;
    (this->*command.act)(argument);
    return true;
  }
  throw Error("chat", "there is no command " + name, "", "",
              "/help shows them all; a message that begins with / needs a space before it");
}

bool ChatShell::ask(const std::string& message, const InterruptWatch& watch) {
  watch_ = &watch;
  std::string text = valid_utf8(attached_.empty() ? message : attached_ + "\n" + message);
  conversation_.add("user", text);
  attempt_ = 0;
  bool whole = answer_last();
  attached_.clear();
  return whole;
}

bool ChatShell::answer_last() {
  std::string text;
  Settings settings = settings_;
  settings.sampling.seed += attempt_;
  try {
    last_ = answerer_.answer(conversation_, settings, *watch_, [&](std::string_view piece) {
      text += piece;
      answer(piece);
      flush_answer();
    });
  } catch (const Error&) {
    if (!text.empty()) answer("\n");
    conversation_.take_back();
    throw;
  }
  const bool stopped = last_->made.reason == StopReason::interrupted;
  if (stopped && text.empty()) {
    conversation_.take_back();
    tell("stopped before the answer began; the message was removed");
    return false;
  }
  if (!text.ends_with('\n')) answer("\n");
  flush_answer();
  conversation_.add("assistant", text);
  if (stopped) tell("stopped; the partial answer stays in the conversation (/undo removes it)");
  if (last_->made.reason == StopReason::context)
    tell("the context is full: the answer ends here (-c N for a longer context, /reset to empty it)");
  if (last_->made.reason == StopReason::length) tell("token limit reached (/set n)");
  if (last_->left_out > told_left_out_)
    tell(fmt::format("the conversation no longer fits into the context: the model does not see the first {}",
                     count_text(last_->left_out, "message")));
  told_left_out_ = last_->left_out;
  return !stopped;
}

void ChatShell::undo(const std::string&) {
  std::string text = conversation_.take_back();
  tell(text.empty() ? "there is nothing to remove" : "removed: " + beginning(text));
}

void ChatShell::retry(const std::string&) {
  if (conversation_.turns() == 0) throw Error("chat", "there is no message to answer again");
  const Conversation before = conversation_;
  conversation_.add("user", conversation_.take_back());
  attempt_++;
  try {
    answer_last();
  } catch (...) {
    conversation_ = before;
    throw;
  }
  if (conversation_.turns() < before.turns()) conversation_ = before;  // stopped before it began
}

void ChatShell::reset(const std::string&) {
  conversation_.reset();
  answerer_.start_anew();
  attached_.clear();
  told_left_out_ = 0;
  tell("conversation cleared");
}

void ChatShell::set_system(const std::string& text) {
  conversation_.set_system(text.empty() ? std::nullopt : std::optional(valid_utf8(text)));
  tell(text.empty() ? "system message removed" : "system message: " + beginning(text));
}

void ChatShell::set(const std::string& words) {
  auto [name, value] = split_word(words);
  if (value.empty()) return note(settings_.text(name));
  settings_.set(name, value);
  tell(fmt::format("{} {}", name, value));
}

void ChatShell::attach(const std::string& file) {
  std::string path = expanded(needs(file, "file")), text = read_text(path);
  if (text.find('\0') != std::string::npos || valid_utf8(text) != text)
    throw Error("chat", path + " is not a text file", "bytes that are not UTF-8", "a text file");
  attached_ += text;
  if (!text.ends_with('\n')) attached_ += '\n';
  tell(fmt::format("{}: {}, prepended to your next message", path, bytes_text(text.size())));
}

/// Errors: the file at `path` is not a saved chat, or not as this chat knows it.
void ChatShell::may_replace(const std::string& path) const {
  if (auto known = known_files_.find(path); known != known_files_.end()) {
    if (known->second != FileVersion::of(path))
      throw Error("chat", path + " was changed after this chat loaded or saved it", "", "",
                  "save to another file; /load reads the changed one instead of this conversation");
    return;
  }
  try {
    Conversation().read(read_text(path));
  } catch (const Error&) {
    throw Error("chat", path + " is not replaced", "a file that is not a saved chat", "a saved chat, or a new name");
  }
}

void ChatShell::save(const std::string& file) {
  std::string path = expanded(needs(file, "file"));
  LockedFile locked("chat", path, LockedFile::If::busy_wait);
  if (locked.holds_text()) may_replace(path);
  locked.keep();
  write_text(path, conversation_.json().text(2) + "\n", Access::owner);
  known_files_[path] = FileVersion::of(path);
  tell(fmt::format("{} in {}", count_text(conversation_.messages().size(), "message"), path));
}

void ChatShell::load(const std::string& file) {
  std::string path = expanded(needs(file, "file"));
  const auto version = FileVersion::of(path);  // asked first: what is written while it is read is a change
  conversation_.read(read_text(path));
  known_files_[path] = version;
  answerer_.start_anew();
  attached_.clear();
  told_left_out_ = 0;
  const auto& messages = conversation_.messages();
  tell(count_text(messages.size(), "message") +
       (messages.empty() ? "" : "; the last one: " + beginning(messages.back().content)));
}

void ChatShell::show_stats(const std::string&) {
  if (last_) {
    const Answered& a = *last_;
    int read = a.prompt_tokens - a.kept_tokens;
    std::string rate = a.prompt_seconds > 0 ? fmt::format(" at {:.1f} tokens/s", read / a.prompt_seconds) : "";
    note(fmt::format("prompt   {}, {} of them evaluated{}", count_text(a.prompt_tokens, "token"), read, rate));
    note(fmt::format("answer   {}{}", count_text(a.made.tokens.size(), "token"),
                     a.made.steps > 0 ? fmt::format(" at {:.1f} tokens/s", a.made.steps / a.made.seconds) : ""));
  }
  note(fmt::format("context  {} of {} tokens ({:.0f} %)", answerer_.held(), answerer_.context(),
                   100.0 * answerer_.held() / answerer_.context()));
  note(fmt::format("chat     {}{}", count_text(conversation_.turns(), "message"),
                   conversation_.turns() < int(conversation_.messages().size()) - conversation_.turns()
                       ? ", a system message"
                       : ""));
}

std::string ChatShell::help() {
  std::string text;
  for (const Command& c : commands)
    text += fmt::format("  {:<22}{}\n", fmt::format("{} {}", c.name, c.argument), c.what);
  return text;
}

void ChatShell::show_help(const std::string&) {
  note(help() + R"(
Enter sends. Alt-Enter, or a \ at the end of a line, begins a new line; pasted lines stay together. Ctrl-C stops
an answer. Arrow keys edit and recall earlier lines, Ctrl-R searches them.)");
}

}  // namespace ingot::apps
