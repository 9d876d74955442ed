#include "backends/cpu/limits.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <optional>
#include <string_view>
#include <vector>

#include "base/checked.h"

namespace ingot::cpu {
namespace {

std::vector<std::string> lines_of(const std::string& path) {
  std::vector<std::string> lines;
  std::ifstream file(path);
  for (std::string line; lines.size() < 4096 && std::getline(file, line);) lines.push_back(line);
  return lines;
}

/// The number at the beginning of `text`, after spaces; nullopt for "max" and other words.
std::optional<int64_t> number_at(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
  int64_t number = 0;
  return std::from_chars(text.data(), text.data() + text.size(), number).ec == std::errc() ? std::optional(number)
                                                                                           : std::nullopt;
}
std::optional<uint64_t> size_in(const std::string& path) {
  const std::vector<std::string> lines = lines_of(path);
  const std::optional<int64_t> number = lines.empty() ? std::nullopt : number_at(lines[0]);
  return number && *number >= 0 ? std::optional(static_cast<uint64_t>(*number)) : std::nullopt;
}
/// What follows `name` on a line of its own: "MemAvailable:   123 kB", "inactive_file 123".
uint64_t size_called(const std::vector<std::string>& lines, std::string_view name) {
  for (const std::string& line : lines)
    if (line.starts_with(name) && line.size() > name.size() && (line[name.size()] == ' ' || line[name.size()] == ':'))
      if (auto number = number_at(std::string_view(line).substr(name.size() + 1)); number && *number >= 0)
        return static_cast<uint64_t>(*number);
  return 0;
}

/// Names of the files of one version of control groups.
struct Words {
  const char *limit, *usage, *inactive_file, *active_file;
};
constexpr Words version_1 = {"memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file",
                             "total_active_file"};
constexpr Words version_2 = {"memory.max", "memory.current", "inactive_file", "active_file"};

void take_memory(Limits& limits, const std::string& group, const Words& words) {
  const std::optional<uint64_t> limit = size_in(group + "/" + words.limit), used = size_in(group + "/" + words.usage);
  if (!limit || !used) return;
  const std::vector<std::string> stat = lines_of(group + "/memory.stat");
  const uint64_t files = capped_sum(size_called(stat, words.inactive_file), size_called(stat, words.active_file));
  const uint64_t held = *used - std::min(*used, files);
  limits.group_memory = std::min(limits.group_memory, *limit - std::min(*limit, held));
}

void take_cores(Limits& limits, std::optional<int64_t> quota, std::optional<int64_t> period) {
  if (!quota || !period || *quota <= 0 || *period <= 0) return;
  const double cores = double(*quota) / double(*period);
  limits.group_cores = limits.group_cores > 0 ? std::min(limits.group_cores, cores) : cores;
}
void take_cores_2(Limits& limits, const std::string& group) {
  const std::vector<std::string> lines = lines_of(group + "/cpu.max");  // "50000 100000", or "max 100000"
  const size_t space = lines.empty() ? std::string::npos : lines[0].find(' ');
  if (space != std::string::npos)
    take_cores(limits, number_at(lines[0]), number_at(std::string_view(lines[0]).substr(space)));
}
void take_cores_1(Limits& limits, const std::string& group) {
  auto number = [&](const char* file) {
    const std::vector<std::string> lines = lines_of(group + file);
    return lines.empty() ? std::nullopt : number_at(lines[0]);
  };
  take_cores(limits, number("/cpu.cfs_quota_us"), number("/cpu.cfs_period_us"));
}

/// Calls `each` with the folder of a group and those of all groups around it. In a container the path may be that of
/// the host: then only the outermost folder exists.
template <class Each> void each_group(const std::string& mount, std::string path, Each each) {
  for (;;) {
    while (path.ends_with('/')) path.pop_back();
    each(mount + path);
    if (path.empty()) return;
    const size_t slash = path.rfind('/');
    path.resize(slash == std::string::npos ? 0 : slash);
  }
}

}  // namespace

Limits read_limits(const std::string& root) {
  Limits limits;
  const std::vector<std::string> memory = lines_of(root + "/proc/meminfo");
  constexpr uint64_t kib = 1024;
  if (const uint64_t available = size_called(memory, "MemAvailable"))
    limits.free_memory = capped_product(capped_sum(available, size_called(memory, "SwapFree")), kib);
  const std::string groups = root + "/sys/fs/cgroup";
  for (const std::string& line :
       lines_of(root + "/proc/self/cgroup")) {  // "0::/path" in version 2, "4:cpu,cpuacct:/path" in version 1
    const size_t first = line.find(':'), second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1), path = line.substr(second + 1);
    auto has = [&](const std::string& name) {
      return ("," + controllers + ",").find("," + name + ",") != std::string::npos;
    };
    if (controllers.empty())
      each_group(groups, path,
                 [&](const std::string& group) { take_memory(limits, group, version_2), take_cores_2(limits, group); });
    if (has("memory"))
      each_group(groups + "/memory", path, [&](const std::string& group) { take_memory(limits, group, version_1); });
    if (has("cpu"))
      for (const std::string& mount : {groups + "/" + controllers, groups + "/cpu"})
        each_group(mount, path, [&](const std::string& group) { take_cores_1(limits, group); });
  }
  return limits;
}

}  // namespace ingot::cpu
