// The command-line parser that the commands use. It wraps CLI11, which is slow to compile, so only command_line.cpp
// includes it. An option writes the variable that it is bound to once all words are read and checked.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <variant>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace ingot::apps {

/// Arguments that make no sense, alone or together; exit status 2.
struct UsageError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// What is wrong with a value, as "got 'x'; expected …", or "".
using Check = std::function<std::string(const std::string&)>;

/// Where the value of an option goes. The vectors hold the values of an option that may be given several times.
using Variable =
    std::variant<std::string*, int*, uint64_t*, float*, std::optional<double>*, std::optional<std::string>*,
                 std::vector<std::string>*, std::function<void(const std::string&)>,
                 std::function<void(const std::vector<std::string>&)>>;

/// One option; every function returns it, for the next.
class Option {
 public:
  explicit Option(CLI::Option& option) : option_(option) {}
  Option* check(const Check& check);
  /// The placeholder of its value in the help: "FILE".
  Option* type_name(const std::string& name);
  /// The help shows the current value of the variable as the default.
  Option* show_default();
  Option* default_text(const std::string& text);
  /// The heading of the help under which it stands.
  Option* group(const std::string& name);
  Option* excludes(Option* other);
  Option* needs(Option* other);
  Option* required();
  /// Was it on the command line? An empty value is a value.
  bool is_given() const;
  /// Its first long name without dashes, its line of the help, and the text of its default.
  std::string name() const;
  std::string description() const;
  std::string default_text() const;

 private:
  friend class Command;
  CLI::Option& option_;
};

/// A command with its options: `ingot run`; or options alone, for words that come from elsewhere.
class Command {
 public:
  Command();
  explicit Command(CLI::App& app);
  ~Command();
  Command(const Command&) = delete;
  Command& operator=(const Command&) = delete;
  /// `names`: "-c,--ctx-size"; a name in capitals is an argument's.
  Option* add_option(const std::string& names, Variable variable, const std::string& what);
  Option* add_flag(const std::string& names, bool& variable, const std::string& what);
  Option* add_flag(const std::string& names, std::function<void()> act, const std::string& what);
  void footer(const std::string& text);
  /// What is done when the words of this command are read, before they are checked. May throw UsageError.
  void when_read(std::function<void()> act);
  /// What is done when every word is read and checked. May throw UsageError.
  void when_checked(std::function<void()> act);
  /// Its options in the order in which they were added; and the one of that name ("--temp"), or null.
  const std::vector<std::unique_ptr<Option>>& options() const { return options_; }
  Option* find(const std::string& name) const;
  /// Reads words such as "--temp=0.7". Errors: UsageError.
  void parse(std::vector<std::string> words);

 private:
  Option* keep(CLI::Option* option);
  std::unique_ptr<CLI::App> own_;
  CLI::App& app_;
  std::vector<std::unique_ptr<Option>> options_;
};

/// The whole command line: a command's name, and its options.
class CommandLine {
 public:
  CommandLine(const std::string& name, const std::string& what, const std::string& version);
  ~CommandLine();
  CommandLine(const CommandLine&) = delete;
  CommandLine& operator=(const CommandLine&) = delete;
  Command* add_command(const std::string& name, const std::string& what);
  /// A flag that may stand before the command and after it; `act` is done as soon as it is read.
  void add_flag_everywhere(const std::string& names, const std::function<void()>& act, const std::string& what);
  void footer(const std::string& text);
  /// Reads all words. Returns the text that was asked for by --help or --version instead of a command. Errors:
  /// UsageError.
  std::optional<std::string> parse(int argc, char** argv);
  std::string help() const;
  /// "ingot run": the command that was being read.
  std::string spoken_name() const;

 private:
  std::unique_ptr<CLI::App> app_;
  std::vector<std::unique_ptr<Command>> commands_;
};

}  // namespace ingot::apps
