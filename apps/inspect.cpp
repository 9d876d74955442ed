// ingot inspect: what a model file holds. No weight is read and the architecture need not be known.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <memory>

#include "base/printable.h"
#include "command_line.h"
#include "commands.h"
#include "flags.h"
#include "json_output.h"
#include "output.h"
#include "table.h"

namespace ingot::apps {
namespace {

constexpr size_t max_value_bytes = 100;  // of a metadata value in the table; JSON has all of it
constexpr size_t max_path_bytes = 1000;

struct Inspect {
  std::string model;
  uint64_t array_elements = 8;
  bool json = false, tensors = false;
};

struct FormatTotal {
  uint64_t count = 0, bytes = 0, weights = 0;
};

uint64_t weights_of(const TensorInfo& tensor) {
  uint64_t n = 1;
  for (uint64_t d : tensor.shape) n *= d;
  return n;
}

/// Per format, the one with most bytes first.
std::vector<std::pair<std::string, FormatTotal>> histogram(const FileInfo& file) {
  std::map<std::string, FormatTotal> totals;
  for (const TensorInfo& t : file.tensors) {
    FormatTotal& total = totals[t.format];
    total.count++;
    total.bytes += t.bytes;
    total.weights += weights_of(t);
  }
  std::vector<std::pair<std::string, FormatTotal>> sorted(totals.begin(), totals.end());
  std::ranges::sort(sorted, [](const auto& a, const auto& b) {
    return a.second.bytes != b.second.bytes ? a.second.bytes > b.second.bytes : a.first < b.first;
  });
  return sorted;
}

FormatTotal total_of(const FileInfo& file) {
  FormatTotal all;
  for (const auto& [name, total] : histogram(file)) {
    all.count += total.count;
    all.bytes += total.bytes;
    all.weights += total.weights;
  }
  return all;
}

Json scalar_json(const Scalar& value) {
  return std::visit([](const auto& v) { return Json(v); }, value);
}

bool is_array(const MetadataInfo& m) { return m.type.starts_with("array"); }

Json to_json(const FileInfo& file) {
  FormatTotal all = total_of(file);
  Json metadata = Json::array(), tensors = Json::array(), formats = Json::array();
  for (const MetadataInfo& m : file.metadata) {
    Json value = Json::array();
    for (const Scalar& s : m.values) value.push_back(scalar_json(s));
    if (!is_array(m)) value = m.values.empty() ? Json() : scalar_json(m.values.front());
    metadata.push_back({{"key", m.key}, {"type", m.type}, {"count", m.count}, {"value", value}});
  }
  for (const auto& [name, total] : histogram(file))
    formats.push_back({{"format", name}, {"tensors", total.count}, {"bytes", total.bytes}, {"weights", total.weights}});
  for (const TensorInfo& t : file.tensors)
    tensors.push_back({{"name", t.name},
                       {"format", t.format},
                       {"shape", t.shape},
                       {"bytes", t.bytes},
                       {"offset", t.offset},
                       {"file", t.file}});
  return {{"path", file.path},         {"version", file.version}, {"bytes", file.bytes}, {"tensor_bytes", all.bytes},
          {"parameters", all.weights}, {"metadata", metadata},    {"formats", formats},  {"tensors", tensors}};
}

std::string scalar_text(const Scalar& value, bool quoted) {
  if (auto* text = std::get_if<std::string>(&value)) return quoted ? Json(*text).text() : *text;
  return scalar_json(value).text();
}

std::string value_text(const MetadataInfo& m) {
  std::string text;
  for (const Scalar& s : m.values) text += (text.empty() ? "" : ", ") + scalar_text(s, is_array(m));
  if (!is_array(m)) return text;
  if (m.values.size() < m.count) text += m.values.empty() ? "…" : ", …";
  return fmt::format("{} of [{}]", m.count, text);
}

std::string shape_text(const TensorInfo& tensor) { return fmt::format("{}", fmt::join(tensor.shape, " x ")); }

Styled as_text(const FileInfo& file, bool with_tensors) {
  FormatTotal all = total_of(file);
  Styled text = fmt::format(
      "{}\n  container version {}, {} ({} bytes), {} metadata entries\n  {} tensors, {} weights, {}{}\n\n",
      printable(file.path, max_path_bytes), file.version, bytes_text(file.bytes), file.bytes, file.metadata.size(),
      all.count, all.weights, bytes_text(all.bytes),
      all.weights ? fmt::format(", {:.2f} bits per weight", 8.0 * double(all.bytes) / double(all.weights)) : "");
  Table metadata({{"key"}, {"type"}, {"value"}});
  for (const MetadataInfo& m : file.metadata)
    metadata.add({printable(m.key, max_value_bytes), m.type, printable(value_text(m), max_value_bytes)});
  Table formats({{"format"}, {"tensors", true}, {"weights", true}, {"size", true}, {"share", true}});
  for (const auto& [name, total] : histogram(file))
    formats.add({name, fmt::format("{}", total.count), fmt::format("{}", total.weights), bytes_text(total.bytes),
                 fmt::format("{:.1f}%", all.bytes ? 100.0 * double(total.bytes) / double(all.bytes) : 0)});
  text += metadata.text() + "\n" + formats.text();
  if (!with_tensors) return text + "\n--tensors lists every tensor.\n";
  Table tensors({{"tensor"}, {"format"}, {"shape"}, {"size", true}, {"file", true}, {"offset", true}});
  for (const TensorInfo& t : file.tensors)
    tensors.add({printable(t.name, max_value_bytes), t.format, shape_text(t), bytes_text(t.bytes),
                 fmt::format("{}", t.file), fmt::format("{}", t.offset)});
  return text + "\n" + tensors.text();
}

}  // namespace

void add_inspect(CommandLine& line, Action& chosen) {
  auto flags = std::make_shared<Inspect>();
  Command* command = line.add_command("inspect", "Show the contents of a model file");
  add_model(*command, flags->model);
  command->add_flag("--json", flags->json, "One JSON object, with every tensor");
  command->add_flag("--tensors", flags->tensors, "List every tensor");
  command->add_option("--array", &flags->array_elements, "Number of elements to show of each metadata array")
      ->check(whole_number(0, max_int))
      ->type_name("N")
      ->show_default();
  command->footer(
      R"(Metadata, tensors by format, and sizes. Shapes list the fastest-varying dimension first, as in the file.

--json: {path, version, bytes, tensor_bytes, parameters, metadata: [{key, type, count, value}],
         formats: [{format, tensors, bytes, weights}], tensors: [{name, format, shape, bytes, offset, file}]}.

Examples:
  ingot inspect model.gguf
  ingot inspect model.gguf --tensors
  ingot inspect model.gguf --json --array 1000000)");
  command->when_checked([flags, &chosen] {
    chosen = [flags] {
      FileInfo file = inspect(flags->model, flags->array_elements);
      if (flags->json)
        answer_json(to_json(file));
      else
        answer(as_text(file, flags->tensors));
      return success;
    };
  });
}

}  // namespace ingot::apps
