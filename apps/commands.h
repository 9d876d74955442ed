// The commands of `ingot`, one file each. A command adds its name and flags to the parser and, when it is the one that was asked
// for, leaves in `chosen` what is to be done. Nothing is done while arguments are still being read, so that a wrong one costs no
// time.
#pragma once
#include <CLI/CLI.hpp>
#include <functional>

namespace ingot::apps {

/// What a command does; returns the exit status.
using Action = std::function<int()>;

enum ExitStatus { success = 0, failure = 1, bad_usage = 2, interrupted = 130 };

void add_run(CLI::App& app, Action& chosen);
void add_chat(CLI::App& app, Action& chosen);
void add_bench(CLI::App& app, Action& chosen);
void add_eval(CLI::App& app, Action& chosen);
void add_inspect(CLI::App& app, Action& chosen);
void add_explain(CLI::App& app, Action& chosen);
void add_kernels(CLI::App& app, Action& chosen);
void add_formats(CLI::App& app, Action& chosen);
void add_tokenize(CLI::App& app, Action& chosen);
void add_template(CLI::App& app, Action& chosen);
void add_doctor(CLI::App& app, Action& chosen);

}  // namespace ingot::apps
