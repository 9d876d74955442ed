// Split models: NAME-00001-of-0000N.gguf … NAME-0000N-of-0000N.gguf in one directory. Names of other parts are derived
// from the name given by the caller, by this rule alone; a path is never taken from inside a file.
#include <fmt/core.h>

#include "container/mapping.h"
#include "container/part.h"

namespace ingot::container {
namespace {

struct PartName {
  std::string prefix;      ///< path up to "-00001-of-…"
  uint64_t number, count;  ///< from 1
};

/// `path` read as PREFIX-NNNNN-of-NNNNN.gguf; nothing when it is not of this form.
std::optional<PartName> part_name(const std::string& path) {
  constexpr std::string_view pattern = "-#####-of-#####.gguf";
  const size_t file_at = path.find_last_of('/') + 1;  // 0 when there is no slash
  if (path.size() - file_at <= pattern.size()) return std::nullopt;
  const size_t at = path.size() - pattern.size();
  uint64_t numbers[2] = {0, 0};
  for (size_t i = 0; i < pattern.size(); ++i) {
    const char c = path[at + i];
    const bool digit = pattern[i] == '#';
    if (digit ? c < '0' || c > '9' : c != pattern[i]) return std::nullopt;
    if (digit) numbers[i > 8] = numbers[i > 8] * 10 + static_cast<uint64_t>(c - '0');
  }
  return PartName{path.substr(0, at), numbers[0], numbers[1]};
}

std::optional<uint64_t> split_number(const Part& part, const char* key, uint64_t max) {
  const Value* value = part.find(key);
  if (!value) return std::nullopt;
  return unsigned_of({part.path, key, *value}, max);
}

[[noreturn]] void missing(const Part& part, const char* key) {
  throw Error("container", fmt::format("{}: part of a split model lacks {}", printable(part.path, SIZE_MAX), key), "",
              "split.no, split.count and split.tensors.count in every part", "split the model anew");
}

std::string directory(const std::string& path) { return path.substr(0, path.find_last_of('/') + 1); }

}  // namespace

Cut cut_of(const Part& part) {
  // Both 0 and 1 occur for a complete model; tools that join parts write 0.
  const auto count = split_number(part, "split.count", max_parts);
  const auto tensors = split_number(part, "split.tensors.count", max_tensors);
  if (!count || *count <= 1) {
    if (count && tensors && *tensors != part.tensors.size())
      throw Error("container",
                  fmt::format("{}: a whole model by its split.count, but tensors are missing or too many",
                              printable(part.path, SIZE_MAX)),
                  fmt::format("{} tensors", part.tensors.size()),
                  fmt::format("{} tensors, as split.tensors.count says", *tensors));
    return {0, 1, part.tensors.size()};
  }
  const auto index = split_number(part, "split.no", *count - 1);
  if (!index) missing(part, "split.no");
  if (!tensors) missing(part, "split.tensors.count");
  return {*index, *count, *tensors};
}

std::vector<std::string> part_paths(const std::string& path, const Cut& cut) {
  auto name = part_name(path);
  if (!name) name = part_name(resolved(path));
  const std::string rule = fmt::format("a name that ends in -{:05}-of-{:05}.gguf", cut.index + 1, cut.count);
  const std::string shown = printable(path, SIZE_MAX);
  if (!name)
    throw Error("container",
                fmt::format("{}: part {} of {} of a split model has another name", shown, cut.index + 1, cut.count), "",
                rule, "give the parts the names that they were made with");
  if (name->number != cut.index + 1 || name->count != cut.count)
    throw Error("container", fmt::format("{}: the name and the content of the part disagree", shown),
                fmt::format("a file that says it is part {} of {}", cut.index + 1, cut.count),
                fmt::format("part {} of {}, as named", name->number, name->count),
                "give the parts the names that they were made with");
  std::vector<std::string> paths;
  for (uint64_t i = 1; i <= cut.count; ++i)
    paths.push_back(fmt::format("{}-{:05}-of-{:05}.gguf", name->prefix, i, cut.count));
  return paths;
}

void check_same_directory(const std::string& path, const std::string& first) {
  const std::string here = directory(resolved(path)), there = directory(resolved(first));
  if (here != there)
    throw Error("container", fmt::format("{}: a link that leaves the model's directory", printable(path, SIZE_MAX)),
                printable(here, SIZE_MAX),
                fmt::format("{}, where the part that was named lies", printable(there, SIZE_MAX)),
                "put all parts into one directory");
}

}  // namespace ingot::container
