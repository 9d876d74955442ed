// By CLI11; with its help and its errors worded anew where they would not help.
#include "command_line.h"

#include <CLI/CLI.hpp>
#include <algorithm>

namespace ingot::apps {
namespace {

/// How --help looks: a default stands at the end of its line, what a flag excludes is said by the error alone, and an
/// argument that is a flag too is listed once.
class HelpLayout : public CLI::Formatter {
 public:
  HelpLayout() { column_width(26); }

  std::string make_description(const CLI::App* app) const override { return app->get_description() + "\n"; }

  std::string make_usage(const CLI::App* app, std::string name) const override {
    std::string usage = "\nUsage: " + name;
    for (const CLI::Option* option : app->get_options([](const CLI::Option* o) { return o->get_positional(); })) {
      bool is_model = option->nonpositional();  // the one argument that may be given as a flag is needed either way
      usage += " " + (is_model ? make_option_name(option, true) : make_option_usage(option));
    }
    return usage + (app->get_subcommands({}).empty() ? " [OPTIONS]\n" : " COMMAND [OPTIONS]\n");
  }

  std::string make_positionals(const CLI::App* app) const override {
    auto only_positional =
        app->get_options([](const CLI::Option* o) { return o->get_positional() && !o->nonpositional(); });
    return only_positional.empty() ? "" : make_group("Arguments", true, only_positional);
  }

  // One empty line between groups, not two.
  std::string make_help(const CLI::App* app, std::string name, CLI::AppFormatMode mode) const override {
    return CLI::detail::find_and_replace(Formatter::make_help(app, name, mode), "\n\n\n", "\n\n");
  }

  std::string make_option_opts(const CLI::Option* option) const override {
    bool has_value = option->get_type_size() != 0 && option->nonpositional();
    return has_value ? " " + option->get_type_name() : "";
  }

  std::string make_option_desc(const CLI::Option* option) const override {
    std::string default_value = option->get_default_str();
    return option->get_description() + (default_value.empty() ? "" : " (default " + default_value + ")");
  }
};

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
  const char* kind = stray.starts_with('-') ? "flag" : "command";
  return (stray.empty() ? "there is no command" : "there is no " + std::string(kind) + " '" + stray + "'") +
         "; expected one of " + known;
}

/// Words that the command has no place for: names the first.
std::string unexpected_words(const CLI::App& app) {
  std::vector<std::string> words = app.remaining(true);
  auto flag = std::ranges::find_if(words, [](const std::string& word) { return word.starts_with('-'); });
  if (flag != words.end()) return "there is no flag '" + *flag + "'";
  return words.empty() ? "one argument too many" : "unexpected argument '" + words.front() + "'";
}

/// Adds an option by the kind of its variable.
struct Adding {
  CLI::App& app;
  const std::string &names, &what;

  template <class T> CLI::Option* operator()(T* value) const { return app.add_option(names, *value, what); }
  CLI::Option* operator()(std::vector<std::string>* values) const {
    CLI::Option* option = app.add_option(names, *values, what);
    return names.starts_with('-') ? option->allow_extra_args(false) : option;  // arguments may be several
  }
  // CLI11 would take an empty text for none.
  CLI::Option* operator()(std::optional<std::string>* value) const {
    return app.add_option_function<std::string>(names, [value](const std::string& text) { *value = text; }, what);
  }
  CLI::Option* operator()(const std::function<void(const std::string&)>& take) const {
    return app.add_option_function(names, take, what);
  }
  CLI::Option* operator()(const std::function<void(const std::vector<std::string>&)>& take) const {
    return app.add_option_function(names, take, what)->allow_extra_args(false);
  }
};

}  // namespace

Option* Option::check(const Check& check) {
  option_.check(CLI::Validator([check](std::string& value) { return check(value); },
                               ""));  // "": it has no entry of its own in the help
  return this;
}
Option* Option::type_name(const std::string& name) { return option_.type_name(name), this; }
Option* Option::show_default() { return option_.capture_default_str(), this; }
Option* Option::default_text(const std::string& text) { return option_.default_str(text), this; }
Option* Option::group(const std::string& name) { return option_.group(name), this; }
Option* Option::excludes(Option* other) { return option_.excludes(&other->option_), this; }
Option* Option::needs(Option* other) { return option_.needs(&other->option_), this; }
Option* Option::required() { return option_.required(), this; }
bool Option::is_given() const { return option_.count() > 0; }
std::string Option::name() const { return option_.get_lnames().front(); }
std::string Option::description() const { return option_.get_description(); }
std::string Option::default_text() const { return option_.get_default_str(); }

Command::Command() : own_(std::make_unique<CLI::App>()), app_(*own_) { app_.set_help_flag(); }
Command::Command(CLI::App& app) : app_(app) {}
Command::~Command() = default;

Option* Command::keep(CLI::Option* option) { return options_.emplace_back(std::make_unique<Option>(*option)).get(); }

Option* Command::add_option(const std::string& names, Variable variable, const std::string& what) {
  return keep(std::visit(Adding{app_, names, what}, variable));
}
Option* Command::add_flag(const std::string& names, bool& variable, const std::string& what) {
  return keep(app_.add_flag(names, variable, what));
}
Option* Command::add_flag(const std::string& names, std::function<void()> act, const std::string& what) {
  return keep(app_.add_flag_callback(names, std::move(act), what));
}

void Command::footer(const std::string& text) { app_.footer(text); }
void Command::when_read(std::function<void()> act) { app_.parse_complete_callback(std::move(act)); }
void Command::when_checked(std::function<void()> act) { app_.callback(std::move(act)); }

Option* Command::find(const std::string& name) const {
  const CLI::Option* found = app_.get_option_no_throw(name);
  auto same = std::ranges::find_if(options_, [&](const auto& option) { return &option->option_ == found; });
  return same == options_.end() ? nullptr : same->get();
}

void Command::parse(std::vector<std::string> words) {
  std::ranges::reverse(words);  // as CLI11 takes them
  try {
    app_.parse(words);
  } catch (const CLI::ParseError& e) { throw UsageError(e.what()); }
}

CommandLine::CommandLine(const std::string& name, const std::string& what, const std::string& version)
    : app_(std::make_unique<CLI::App>(what, name)) {
  app_->set_version_flag("--version", name + " " + version, "Show the version");
  app_->require_subcommand(1);
  app_->formatter(std::make_shared<HelpLayout>());
  app_->get_formatter()->label("Subcommands", "Commands");
}
CommandLine::~CommandLine() = default;

Command* CommandLine::add_command(const std::string& name, const std::string& what) {
  return commands_.emplace_back(std::make_unique<Command>(*app_->add_subcommand(name, what))).get();
}

void CommandLine::add_flag_everywhere(const std::string& names, const std::function<void()>& act,
                                      const std::string& what) {
  auto add = [&](CLI::App* app) {
    app->set_help_flag("-h,--help", "Show this help");
    app->add_flag_callback(names, act, what)->trigger_on_parse();
  };
  add(app_.get());
  for (CLI::App* sub : app_->get_subcommands({})) add(sub);
}

void CommandLine::footer(const std::string& text) { app_->footer(text); }
std::string CommandLine::help() const { return app_->help(); }

std::string CommandLine::spoken_name() const {
  std::string name = app_->get_name();
  for (const CLI::App* sub : app_->get_subcommands()) name += " " + sub->get_name();
  return name;
}

std::optional<std::string> CommandLine::parse(int argc, char** argv) {
  try {
    app_->parse(argc, argv);
    return std::nullopt;
  } catch (const CLI::CallForHelp&) { return app_->help(); } catch (const CLI::CallForVersion& e) {
    return std::string(e.what()) + "\n";
  } catch (const CLI::ExtrasError& e) {
    throw UsageError(app_->get_subcommands().empty() ? without_command(*app_) : unexpected_words(*app_));
  } catch (const CLI::ParseError& e) {
    throw UsageError(app_->get_subcommands().empty() ? without_command(*app_) : e.what());
  }
}

}  // namespace ingot::apps
