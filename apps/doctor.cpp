// ingot doctor: what this build and this machine bring, in a form to send along with a question.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <memory>

#include "command_line.h"
#include "commands.h"
#include "json_output.h"
#include "ingot/ingot.h"
#include "output.h"
#include "table.h"
#include "terminal.h"

namespace ingot::apps {
namespace {

struct DeviceReport {
  DeviceInfo info;
  double bandwidth_one = 0,
         bandwidth_all = 0;  // bytes/s with one thread and with one for each core; 0 where it cannot be used
};

struct Cache {
  std::string path;
  bool is_there = false, is_writable = false;
};

/// The folder of downloaded models and the private Python environment, when it was named; the scripts' default is
/// .cache in the clone.
Cache cache() {
  const char* path = std::getenv("INGOT_CACHE");
  if (!path || !*path) return {};
  std::error_code error;
  bool is_there = std::filesystem::is_directory(path, error);
  return {path, is_there, is_there && access(path, W_OK) == 0};
}

std::vector<DeviceReport> device_reports() {
  std::vector<DeviceReport> reports;
  for (DeviceInfo& info : devices()) {
    DeviceReport report{std::move(info)};
    if (report.info.available) {
      report.bandwidth_one = read_bandwidth(1, report.info.name);
      report.bandwidth_all = report.info.cores > 1 && report.info.threads
                                 ? read_bandwidth(report.info.cores, report.info.name)
                                 : report.bandwidth_one;
    }
    reports.push_back(std::move(report));
  }
  return reports;
}

Json to_json(const std::vector<DeviceReport>& reports) {
  Json list = Json::array();
  for (const DeviceReport& r : reports)
    list.push_back({{"name", r.info.name},
                    {"available", r.info.available},
                    {"description", r.info.description},
                    {"isas", r.info.isas},
                    {"missing_isas", r.info.missing_isas},
                    {"cores", r.info.cores},
                    {"memory_bytes", r.info.memory_bytes},
                    {"free_bytes", r.info.free_bytes},
                    {"read_bandwidth_gb_per_s", r.info.available ? Json{{"one_thread", r.bandwidth_one / giga},
                                                                        {"all_cores", r.bandwidth_all / giga}}
                                                                 : Json()}});
  Cache c = cache();
  return {
      {"version", version()},
      {"compiler", __VERSION__},
      {"formats", formats().size()},
      {"devices", list},
      {"cache", c.path.empty() ? Json() : Json{{"path", c.path}, {"exists", c.is_there}, {"writable", c.is_writable}}},
      {"terminal",
       {{"stdout", is_terminal(Stream::answers)},
        {"stderr", is_terminal(Stream::notes)},
        {"color", takes_color(Stream::answers)},
        {"columns", terminal_columns()}}}};
}

std::string line(const std::string& name, const std::string& value) { return fmt::format("{:<14}{}\n", name, value); }

std::string list_text(const std::vector<std::string>& list) {
  return list.empty() ? "none" : fmt::format("{}", fmt::join(list, ", "));
}

std::string as_text(const std::vector<DeviceReport>& reports) {
  auto yes = [](bool b) { return b ? "yes" : "no"; };
  std::string text = line("ingot", version()) + line("compiler", __VERSION__) +
                     line("formats", fmt::format("{} (ingot formats)", formats().size()));
  for (const DeviceReport& r : reports) {
    text += '\n';
    text += line("device", r.info.name + (r.info.available ? "" : " (cannot be used)")) +
            line("  what", r.info.description);
    if (!r.info.available) continue;
    text += line("  isas", list_text(r.info.isas) + (r.info.isas.size() > 1 ? " (the first is used)" : ""));
    if (!r.info.missing_isas.empty()) text += line("  not here", list_text(r.info.missing_isas));
    if (r.info.cores > 0) text += line("  cores", fmt::format("{}", r.info.cores));
    text += line("  memory", bytes_text(r.info.memory_bytes));
    if (r.info.free_bytes > 0) text += line("  free", bytes_text(r.info.free_bytes));
    if (r.bandwidth_one > 0)
      text += line("  reads", r.info.cores > 1 && r.info.threads
                                  ? fmt::format("{:.2f} GB/s with 1 thread, {:.2f} GB/s with {}",
                                                r.bandwidth_one / giga, r.bandwidth_all / giga, r.info.cores)
                                  : fmt::format("{:.2f} GB/s", r.bandwidth_one / giga));
  }
  Cache c = cache();
  text += '\n';
  text += line("cache", c.path.empty() ? "INGOT_CACHE is not set; the scripts use .cache in the clone"
                                       : c.path + (!c.is_there     ? " (does not exist)"
                                                   : c.is_writable ? ""
                                                                   : " (not writable)"));
  text += line("terminal", fmt::format("stdout {}, stderr {}, colour {}", yes(is_terminal(Stream::answers)),
                                       yes(is_terminal(Stream::notes)), yes(takes_color(Stream::answers))));
  return text;
}

int perform_doctor(bool json) {
  std::vector<DeviceReport> reports = device_reports();
  if (json)
    answer_json(to_json(reports));
  else
    answer(as_text(reports));
  if (std::any_of(reports.begin(), reports.end(), [](const DeviceReport& r) { return r.info.available; }))
    return success;
  throw Error("doctor", "no device of this build can be used", "", "at least one usable device",
              "see the reasons above");
}

}  // namespace

void add_doctor(CommandLine& line, Action& chosen) {
  auto json = std::make_shared<bool>(false);
  Command* command = line.add_command("doctor", "Show what this build and this machine offer");
  command->add_flag("--json", *json, "One JSON object");
  command->footer(
      R"(Version, devices with their instruction sets, cores, memory and read bandwidth (measured now, which takes a few
seconds), cache folder and terminal. Exit status 1 if no device can be used.

Examples:
  ingot doctor
  ingot doctor --json)");
  command->when_checked([json, &chosen] { chosen = [json] { return perform_doctor(*json); }; });
}

}  // namespace ingot::apps
