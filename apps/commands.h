// The commands of `ingot`, one file each. A command adds its name and flags to the command line and, if it is the
// requested one, stores its action in `chosen`. Nothing is done while arguments are still being parsed, so that a wrong
// one costs no time.
#pragma once
#include <functional>

namespace ingot::apps {

class CommandLine;

/// What a command does; returns the exit status.
using Action = std::function<int()>;

enum ExitStatus { success = 0, failure = 1, bad_usage = 2, interrupted = 130 };

void add_run(CommandLine& line, Action& chosen);
void add_chat(CommandLine& line, Action& chosen);
void add_bench(CommandLine& line, Action& chosen);
void add_eval(CommandLine& line, Action& chosen);
void add_inspect(CommandLine& line, Action& chosen);
void add_explain(CommandLine& line, Action& chosen);
void add_kernels(CommandLine& line, Action& chosen);
void add_imatrix(CommandLine& line, Action& chosen);
void add_compare(CommandLine& line, Action& chosen);
void add_quantize(CommandLine& line, Action& chosen);
void add_judge(CommandLine& line, Action& chosen);
void add_formats(CommandLine& line, Action& chosen);
void add_tokenize(CommandLine& line, Action& chosen);
void add_template(CommandLine& line, Action& chosen);
void add_doctor(CommandLine& line, Action& chosen);

}  // namespace ingot::apps
