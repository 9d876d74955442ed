// The parts of CLI11's help that are worded differently here.
#include "help_layout.h"

namespace ingot::apps {

std::string HelpLayout::make_usage(const CLI::App* app, std::string name) const {
  std::string usage = "\nUsage: " + name;
  for (const CLI::Option* option : app->get_options([](const CLI::Option* o) { return o->get_positional(); })) {
    bool is_model = option->nonpositional();  // the one argument that may be given as a flag is needed either way
    usage += " " + (is_model ? make_option_name(option, true) : make_option_usage(option));
  }
  return usage + (app->get_subcommands({}).empty() ? " [OPTIONS]\n" : " COMMAND [OPTIONS]\n");
}

std::string HelpLayout::make_positionals(const CLI::App* app) const {
  auto only_positional = app->get_options([](const CLI::Option* o) { return o->get_positional() && !o->nonpositional(); });
  return only_positional.empty() ? "" : make_group("Arguments", true, only_positional);
}

// One empty line between groups, not two.
std::string HelpLayout::make_help(const CLI::App* app, std::string name, CLI::AppFormatMode mode) const {
  return CLI::detail::find_and_replace(Formatter::make_help(app, name, mode), "\n\n\n", "\n\n");
}

std::string HelpLayout::make_option_opts(const CLI::Option* option) const {
  bool has_value = option->get_type_size() != 0 && option->nonpositional();
  return has_value ? " " + option->get_type_name() : "";
}

std::string HelpLayout::make_option_desc(const CLI::Option* option) const {
  std::string default_value = option->get_default_str();
  return option->get_description() + (default_value.empty() ? "" : " (default " + default_value + ")");
}

}  // namespace ingot::apps
