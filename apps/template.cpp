// ingot template: the prompt that a model's chat template makes of a conversation, or the template itself.
#include <memory>
#include <optional>

#include "chat_prompt.h"
#include "command_line.h"
#include "commands.h"
#include "files.h"
#include "flags.h"
#include "json_output.h"
#include "output.h"
#include "terminal.h"

namespace ingot::apps {
namespace {

struct TemplateFlags {
  std::string model, pre;
  std::optional<std::string> messages, user, system, tools, file;  // what is given, though it be empty
  ChatOptions chat;
  bool no_generation_prompt = false, json = false;
};

int answer_prompt(const TemplateFlags& flags, const ChatPrompt& prompt) {
  if (!prompt.left_out.empty())
    note({Color::yellow,
          "what " + prompt.left_out + " says does not appear in this prompt; run and chat refuse such a conversation"});
  if (!flags.json) {
    answer(prompt.text);
    if (is_terminal(Stream::answers) && !prompt.text.ends_with('\n')) answer("\n");
    return success;
  }
  Json input = Json::array();
  for (const Span& span : prompt.input) input.push_back(Json::array({span.begin, span.end}));
  answer_json({{"text", prompt.text},
               {"input", input},
               {"tokens", load_tokenizer_noting(flags.model, flags.pre).encode(prompt)}});
  return success;
}

int perform_template(const TemplateFlags& flags) {
  if (flags.messages == "-" && (flags.tools == "-" || flags.file == "-"))
    throw UsageError("stdin can be read only once");
  const ChatTemplate chat = flags.file ? ChatTemplate(read_text(*flags.file), load_tokenizer(flags.model, flags.pre))
                                       : load_chat_template(flags.model);
  if (!flags.messages && !flags.user) {
    if (flags.json)
      answer_json(chat.source());
    else
      answer(chat.source() + (is_terminal(Stream::answers) ? "\n" : ""));
    return success;
  }
  ChatOptions options = flags.chat;
  options.may_leave_out = true;  // what this command shows is what is wrong
  options.add_generation_prompt = !flags.no_generation_prompt;
  if (flags.tools) options.tools = read_text(*flags.tools);
  return answer_prompt(
      flags,
      render_chat(chat, flags.messages ? read_text(*flags.messages) : one_turn(flags.system, *flags.user), options));
}

}  // namespace

void add_template(CommandLine& line, Action& chosen) {
  auto flags = std::make_shared<TemplateFlags>();
  Command* command =
      line.add_command("template", "Show the prompt that a model's chat template makes from a conversation");
  add_model(*command, flags->model);
  Option* messages =
      command->add_option("--messages", &flags->messages, "Conversation, a JSON array of messages; -: stdin")
          ->type_name("FILE")
          ->check(not_empty());
  Option* user = command->add_option("-p,--prompt", &flags->user, "One-turn conversation: what the user says")
                     ->type_name("TEXT")
                     ->excludes(messages);
  command->add_option("--system", &flags->system, "With -p: the system message before it")
      ->type_name("TEXT")
      ->needs(user);
  command->add_option("--tools", &flags->tools, "Tools that the model may call, a JSON array; -: stdin")
      ->type_name("FILE")
      ->check(not_empty());
  command->add_option("--set", &flags->chat.variables, "Further variables for the template, a JSON object")
      ->type_name("JSON")
      ->check(not_empty());
  command->add_option("--template", &flags->file, "Template to use instead of the model's own")
      ->type_name("FILE")
      ->check(not_empty());
  add_pre_tokenizer(*command, flags->pre);
  command->add_flag("--no-generation-prompt", flags->no_generation_prompt,
                    "Leave out the beginning of the model's answer");
  command->add_flag("--json", flags->json, "One JSON object instead of text");
  command->footer(R"(Without a conversation, the template itself is shown.

Messages and tools are in the format of chat APIs: [{"role": "user", "content": "Hi"}]. The prompt goes to
stdout byte for byte; a newline is added only on a terminal. Templates are a subset of Jinja, run within limits
and without access to the machine.

--json: {text, input: [[begin, end]], tokens: [id]}. input: byte ranges of the text that came from the
  conversation; control tokens spelled out there stay text. Without a conversation: a JSON string.

Examples:
  ingot template model.gguf
  ingot template model.gguf -p "Hello" --system "Be brief."
  ingot template model.gguf --messages chat.json --tools tools.json
  ingot template model.gguf -p "Hello" --set '{"enable_thinking": false}' --json)");
  command->when_checked([flags, &chosen] { chosen = [flags] { return perform_template(*flags); }; });
}

}  // namespace ingot::apps
