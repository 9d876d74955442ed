// `ingot`: finds the command, runs it, and turns errors into a line on stderr and an exit status: 0 success, 1 failure,
// 2 wrong usage, 130 interrupted. A reader who closes the pipe early is not a failure.
#include <exception>
#include <new>

#include "base/printable.h"
#include "command_line.h"
#include "commands.h"
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
  ingot chat model.gguf                            chat with it
  ingot explain model.gguf                         the plan that it runs
  ingot eval model.gguf --text book.txt            how well it predicts a text
  ingot bench model.gguf -t 1,2                    its speed, against the machine's memory
  ingot COMMAND --help                             the flags of one command

Answers go to stdout, everything else to stderr. Exit status: 0 success, 1 failure, 2 wrong usage, 130 interrupted.
Colour is used only on a terminal; NO_COLOR or --no-color disables it.)";

constexpr size_t max_usage_bytes = 1000;  // of what was typed

void say_error(const std::string& text) { note(Styled(Color::red, text)); }

int say_usage_error(const CommandLine& line, const std::string& text) {
  say_error("[usage] " + printable(text, max_usage_bytes));
  note("Try '" + line.spoken_name() + " --help'.");
  return bad_usage;
}

/// Runs `action` and words its failures.
int perform(const CommandLine& line, const Action& action) {
  try {
    int status = action();
    flush_answer();
    return status;
  } catch (const ReaderGone&) { return success; } catch (const UsageError& e) {
    return say_usage_error(line, e.what());
  } catch (const Error& e) { say_error(e.what()); } catch (const std::bad_alloc&) {
    say_error("[memory] not enough memory; use a shorter context (-c) or a smaller model");
  } catch (const std::exception& e) {
    say_error(std::string("[internal] ") + e.what() + "; this should not happen: please report the command");
  }
  return failure;
}

int command(int argc, char** argv) {
  CommandLine line("ingot", "Runs quantized language models, and shows how.", version());
  Action chosen;
  for (auto add : {add_run, add_chat, add_bench, add_eval, add_inspect, add_explain, add_kernels, add_imatrix,
                   add_quantize, add_compare, add_judge, add_formats, add_tokenize, add_template, add_doctor})
    add(line, chosen);
  line.add_flag_everywhere("--no-color", refuse_color, "Disable colour");
  line.footer(examples);
  try {
    if (auto text = line.parse(argc, argv)) chosen = [text] { return answer(*text), success; };
  } catch (const UsageError& e) {
    if (argc > 1) return say_usage_error(line, e.what());
    note(line.help());
    return bad_usage;
  }
  return perform(line, chosen);
}

}  // namespace
}  // namespace ingot::apps

int main(int argc, char** argv) {
  ingot::apps::handle_signals();
  return ingot::apps::command(argc, argv);
}
