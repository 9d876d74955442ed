// ingot chat: a conversation with a model at a terminal, or one answer to piped input.
#include <fmt/format.h>

#include <cstdlib>
#include <memory>

#include "base/printable.h"
#include "chat_shell.h"
#include "command_line.h"
#include "commands.h"
#include "files.h"
#include "flags.h"
#include "interrupt.h"
#include "line_editor.h"
#include "output.h"
#include "sampling_flags.h"
#include "table.h"
#include "terminal.h"

namespace ingot::apps {
namespace {

struct Chat {
  std::string model, first, template_file, history;
  std::optional<std::string> system;
  LoadOptions load;
  Settings settings;
};

/// Where lines are remembered: in the folder for what programs keep between runs.
std::string default_history() {
  const char *state = std::getenv("XDG_STATE_HOME"), *home = std::getenv("HOME");
  if (state && *state) return std::string(state) + "/ingot/chat_history";
  return home && *home ? std::string(home) + "/.local/state/ingot/chat_history" : "";
}

/// One message: the text of -p, then what the pipe holds.
int answer_pipe(const Chat& chat, ChatShell& shell) {
  std::string piped = read_text("-"), message = chat.first;
  if (!piped.empty()) message += (message.empty() ? "" : "\n\n") + piped;
  if (message.ends_with('\n')) message.pop_back();
  if (message.empty()) throw UsageError("no message given; expected one from the pipe, or -p TEXT");
  InterruptWatch watch;
  return shell.ask(message, watch) ? success : interrupted;
}

/// Errors of a command or a message end neither the program nor the conversation.
bool take(ChatShell& shell, const std::string& line, const InterruptWatch& watch) {
  try {
    return shell.take(line, watch);
  } catch (const Error& e) {
    note(Styled(Color::red, e.what()));
    return true;
  }
}

int converse(const Chat& chat, ChatShell& shell) {
  LineEditor editor(chat.history);
  InterruptWatch always;  // a Ctrl-C that comes just after an answer does not end the chat
  std::string message = chat.first;
  if (!message.empty() && !take(shell, message, always)) return success;
  bool history_works = true;
  for (message.clear();;) {
    // While a line is read, Ctrl-C is a key. From then on it is a signal again, and interrupts the answer to this line.
    InterruptWatch watch;
    LineEditor::Line line = editor.read(message.empty() ? ">" : ".");
    if (line.end == LineEditor::End::input) return note(""), success;
    if (line.end == LineEditor::End::interrupt) {
      if (message.empty() && line.text.empty()) note(Styled(Color::dim, "/quit or Ctrl-D ends the chat"));
      message.clear();
      continue;
    }
    message += line.text;
    if (message.ends_with('\\')) {
      message.back() = '\n';
      continue;
    }
    if (!message.empty()) {
      std::string trouble = editor.remember(message);
      if (!trouble.empty() && history_works) note(Styled(Color::yellow, "the history is not saved: " + trouble));
      history_works = trouble.empty();
      if (!take(shell, message, watch)) return success;
    }
    message.clear();
  }
}

ChatTemplate chat_template(const Chat& chat, const Model& model) {
  if (!chat.template_file.empty()) return ChatTemplate(read_text(chat.template_file), model.tokenizer());
  if (model.info().chat_template.empty())
    throw Error("chat", "the model has no chat template", "", "a chat model, or --template FILE",
                "ingot run continues a text with any model");
  return model.chat_template();
}

int perform_chat(const Chat& chat) {
  const bool at_terminal = input_is_terminal();
  Model model = load_model(chat.model, chat.load);
  ChatShell shell(model, chat_template(chat, model), chat.settings, chat.system);
  if (!at_terminal) return answer_pipe(chat, shell);
  const ModelInfo& info = model.info();
  note(Styled(Color::dim, fmt::format("{} ({} of context). /help lists the commands, Ctrl-D ends the chat.",
                                      printable(info.name.empty() ? info.architecture : info.name),
                                      count_text(model.explain().context, "token"))));
  return converse(chat, shell);
}

}  // namespace

void add_chat(CommandLine& line, Action& chosen) {
  auto chat = std::make_shared<Chat>();
  chat->history = default_history();
  Command* command = line.add_command("chat", "Chat with a model");
  add_model(*command, chat->model);
  command->add_option("-p,--prompt", &chat->first, "First message; piped input is appended to it")->type_name("TEXT");
  command->add_option("--system", &chat->system, "System message: who the model is to be")->type_name("TEXT");
  command->add_option("--template", &chat->template_file, "Chat template to use instead of the model's own")
      ->check(not_empty())
      ->type_name("FILE");
  command
      ->add_option("--history", &chat->history,
                   "File for the line history; '' for none (default in ~/.local/state/ingot)")
      ->type_name("FILE");
  add_context(*command, chat->load);
  add_threads(*command, chat->load);
  add_limits(*command, chat->settings.limits);
  add_sampling(*command, chat->settings.sampling);
  add_machine(*command, chat->load);
  add_pre_tokenizer(*command, chat->load.pre);
  add_strict(*command, chat->load);
  command->footer("While chatting:\n" + ChatShell::help() + R"(
Ctrl-C stops an answer and keeps the chat; a second Ctrl-C ends the program. When the conversation outgrows the
context, its oldest messages are no longer passed to the model, and you are told. If stdin is not a terminal,
all of it is one message: the answer goes to stdout, and the program ends.

Examples:
  ingot chat model.gguf
  ingot chat model.gguf --system "You answer in rhymes." --temp 0.5
  git diff | ingot chat model.gguf -p "What does this change do?" > review.txt)");
  command->when_checked([chat, &chosen] { chosen = [chat] { return perform_chat(*chat); }; });
}

}  // namespace ingot::apps
