// How --help looks: a default stands at the end of its line, what a flag excludes is said by the error alone, and an argument that
// is a flag too is listed once.
#pragma once
#include <CLI/CLI.hpp>

namespace ingot::apps {

class HelpLayout : public CLI::Formatter {
 public:
  HelpLayout() { column_width(26); }
  std::string make_description(const CLI::App* app) const override { return app->get_description() + "\n"; }
  std::string make_usage(const CLI::App* app, std::string name) const override;
  std::string make_positionals(const CLI::App* app) const override;
  std::string make_help(const CLI::App* app, std::string name, CLI::AppFormatMode mode) const override;
  std::string make_option_opts(const CLI::Option* option) const override;
  std::string make_option_desc(const CLI::Option* option) const override;
};

}  // namespace ingot::apps
