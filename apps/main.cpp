// `ingot`: finds the command, runs it, and turns what went wrong into a line on stderr and an exit status:
// 0 done, 1 failed, 2 wrong usage, 130 interrupted. A reader who closes the pipe early is no failure.
#include <algorithm>
#include <csignal>
#include <exception>
#include <new>

#include "commands.h"
#include "flags.h"
#include "help_layout.h"
#include "ingot/ingot.h"
#include "interrupt.h"
#include "output.h"
#include "terminal.h"

namespace ingot::apps {
namespace {

const char* const examples = R"(Examples:
  ingot run model.gguf -p "Why is the sea blue?"   answer a question
  ingot run model.gguf --raw -p "The sea is" -n 64 continue a text
  ingot run model.gguf -p "2 + 2 =" --temp 0 --json
  ingot chat model.gguf                            talk with it
  ingot explain model.gguf                         the plan that will run
  ingot eval model.gguf --text book.txt            how well it predicts a text
  ingot bench model.gguf -t 1,2                    its speed, against the machine's memory
  ingot COMMAND --help                             the flags of one command

Answers go to stdout, everything else to stderr. Exit status: 0 done, 1 failed, 2 wrong usage, 130 interrupted.
NO_COLOR or --no-color: no colour; there is none outside a terminal.)";

void say_error(const std::string& text) { note(colored(Stream::notes, Color::red, text)); }

/// "ingot run": the command that was being read when something was wrong.
std::string spoken_name(const CLI::App& app) {
  std::string name = app.get_name();
  for (const CLI::App* sub : app.get_subcommands()) name += " " + sub->get_name();
  return name;
}

int say_usage_error(const CLI::App& app, const std::string& text) {
  say_error("[usage] " + text);
  note("Try '" + spoken_name(app) + " --help'.");
  return bad_usage;
}

/// The parser found no command: says what stands in its place.
std::string without_command(const CLI::App& app) {
  std::string known, stray;
  for (const CLI::App* sub : app.get_subcommands({})) known += (known.empty() ? "" : ", ") + sub->get_name();
  for (const std::string& word : app.remaining()) {  // the first word that is no flag, or else the first flag
    if (stray.empty()) stray = word;
    if (word.starts_with('-')) continue;
    stray = word;
    break;
  }
  std::string what = stray.empty() ? "there is no command" : stray.starts_with('-') ? "there is no flag '" + stray + "'" : "there is no command '" + stray + "'";
  return what + "; expected one of " + known;
}

/// Words that the command has no place for: names the first.
std::string without_place(const CLI::App& app) {
  std::vector<std::string> words = app.remaining(true);
  auto flag = std::ranges::find_if(words, [](const std::string& word) { return word.starts_with('-'); });
  if (flag != words.end()) return "there is no flag '" + *flag + "'";
  return words.empty() ? "a word too many" : "there is no place for '" + words.front() + "'";
}

/// Flags that stand before or after the command.
void add_everywhere(CLI::App& app) {
  app.set_help_flag("-h,--help", "Show this help");
  app.add_flag_callback("--no-color", refuse_color, "No colour")->trigger_on_parse();
}

/// Runs `action` and words its failures.
int perform(const CLI::App& app, const Action& action) {
  try {
    int status = action();
    flush_answer();
    return status;
  } catch (const ReaderGone&) {
    return success;
  } catch (const UsageError& e) {
    return say_usage_error(app, e.what());
  } catch (const Error& e) {
    say_error(e.what());
  } catch (const std::bad_alloc&) {
    say_error("[memory] not enough memory; ask for a shorter context (-c) or take a smaller model");
  } catch (const std::exception& e) {
    say_error(std::string("[internal] ") + e.what() + "; this should not happen: please report the command");
  }
  return failure;
}

int command(int argc, char** argv) {
  CLI::App app("Runs quantized language models, and shows how it does.", "ingot");
  Action chosen;
  app.set_version_flag("--version", "ingot " + version(), "Show the version");
  app.require_subcommand(1);
  app.formatter(std::make_shared<HelpLayout>());
  app.get_formatter()->label("Subcommands", "Commands");
  for (auto add : {add_run, add_chat, add_bench, add_eval, add_inspect, add_explain, add_kernels, add_formats, add_tokenize, add_template, add_doctor}) add(app, chosen);
  add_everywhere(app);
  for (CLI::App* sub : app.get_subcommands({})) add_everywhere(*sub);
  app.footer(examples);
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    chosen = [&] { return answer(app.help()), success; };
  } catch (const CLI::CallForVersion& e) {
    chosen = [&] { return answer(std::string(e.what()) + "\n"), success; };
  } catch (const CLI::ParseError& e) {
    if (argc > 1) return say_usage_error(app, app.get_subcommands().empty() ? without_command(app) : dynamic_cast<const CLI::ExtrasError*>(&e) ? without_place(app) : e.what());
    note(app.help());
    return bad_usage;
  }
  return perform(app, chosen);
}

}  // namespace
}  // namespace ingot::apps

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);  // a closed pipe is seen where it is written to
  ingot::apps::end_on_interrupt();
  return ingot::apps::command(argc, argv);
}
