// ingot formats: every quantization format of this build, with what follows from its file. docs/formats.md is its --markdown.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <memory>

#include "command_line.h"
#include "commands.h"
#include "flags.h"
#include "json_output.h"
#include "output.h"
#include "table.h"

namespace ingot::apps {
namespace {

const char* const markdown_head = R"(# Quantization formats

One row for each file in `formats/`. This page is written by `ingot formats --markdown` from what the engine derives from those
files; do not edit it, but write it anew when a format changes: `build/release/ingot formats --markdown > docs/formats.md`.

A block is the unit of a file; a group is the weights that share one scale. Code bits are those of one weight, or of one vector of
weights where the value is a vector. Resident bits are bits per weight as laid out in memory on the default device, empty where
a format runs as the file has it. Views are what was derived: `decode` (any format), `int8` (integer values and a scale), `resident` (a
layout with kernels of its class).

)";

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

std::string bits_text(double bits) { return bits > 0 ? fmt::format("{:.6g}", bits) : ""; }
std::string number_text(const FormatInfo& f) { return fmt::format("{} {}", f.space, f.id); }

Table table_of(const std::vector<FormatInfo>& list) {
  Table table({{"format"}, {"number"}, {"bits/weight", true}, {"block", true}, {"bytes", true}, {"group", true}, {"code bits", true}, {"value"}, {"scale"}, {"min"},
               {"class"}, {"resident bits", true}, {"views"}});
  for (const FormatInfo& f : list)
    table.add({f.name, number_text(f), bits_text(f.bits_per_weight), fmt::format("{}", f.block), fmt::format("{}", f.block_bytes), fmt::format("{}", f.group),
               fmt::format("{}", f.code_bits), f.value, f.scale, f.has_min ? "yes" : "", f.resident_class, bits_text(f.resident_bits),
               fmt::format("{}", fmt::join(f.views, ", "))});
  return table;
}

Json to_json(const FormatInfo& f) {
  return {{"name", f.name},
          {"space", f.space},
          {"id", f.id},
          {"bits_per_weight", f.bits_per_weight},
          {"block", f.block},
          {"block_bytes", f.block_bytes},
          {"group", f.group},
          {"code_bits", f.code_bits},
          {"value", f.value},
          {"scale", f.scale},
          {"has_min", f.has_min},
          {"class", f.resident_class},
          {"resident_bits", f.resident_bits},
          {"views", f.views}};
}

std::string detail(const FormatInfo& f) {
  std::string or_none = f.resident_class.empty() ? "none: runs from the file" : f.resident_class;
  return fmt::format(
      "{}\n"
      "  number         {} of {}\n"
      "  bits/weight    {}\n"
      "  block          {} weights in {} bytes\n"
      "  group          {} weights share a scale\n"
      "  code           {} bits\n"
      "  value          {}\n"
      "  scale          {}\n"
      "  min            {}\n"
      "  class          {}\n"
      "  resident bits  {}\n"
      "  views          {}\n"
      "  defined in     formats/{}.h\n",
      f.name, f.id, f.space, bits_text(f.bits_per_weight), f.block, f.block_bytes, f.group, f.code_bits, f.value, f.scale, f.has_min ? "yes" : "no", or_none,
      f.resident_bits > 0 ? bits_text(f.resident_bits) : "none", fmt::join(f.views, ", "), f.name);
}

const FormatInfo& find(const std::vector<FormatInfo>& list, const std::string& name) {
  auto found = std::find_if(list.begin(), list.end(), [&](const FormatInfo& f) { return f.name == lower(name); });
  if (found != list.end()) return *found;
  std::vector<std::string> known;
  for (const FormatInfo& f : list) known.push_back(f.name);
  throw Error("formats", "there is no such format", name, fmt::format("one of {}", fmt::join(known, ", ")));
}

struct Flags {
  std::string name;
  bool json = false, markdown = false;
};

int perform_formats(const Flags& flags) {
  std::vector<FormatInfo> list = formats();
  if (!flags.name.empty()) {
    const FormatInfo& one = find(list, flags.name);
    if (flags.json) answer_json(to_json(one));
    else answer(flags.markdown ? table_of({one}).markdown() : detail(one));
  } else if (flags.json) {
    Json all = Json::array();
    for (const FormatInfo& f : list) all.push_back(to_json(f));
    answer_json(all);
  } else {
    answer(flags.markdown ? markdown_head + table_of(list).markdown() : table_of(list).text());
  }
  return success;
}

}  // namespace

void add_formats(CommandLine& line, Action& chosen) {
  auto flags = std::make_shared<Flags>();
  Command* command = line.add_command("formats", "List the quantization formats");
  command->add_option("NAME", &flags->name, "Show this format in detail")->check(not_empty());
  Option* json = command->add_flag("--json", flags->json, "A JSON array, or the object of NAME");
  command->add_flag("--markdown", flags->markdown, "The table as Markdown, as in docs/formats.md")->excludes(json);
  command->footer(R"(Each format is one file in formats/; everything shown here is derived from it.

--json: [{name, space, id, bits_per_weight, block, block_bytes, group, code_bits, value, scale, has_min, class, resident_bits, views}]

Examples:
  ingot formats
  ingot formats NAME
  ingot formats --json
  ingot formats --markdown > docs/formats.md)");
  command->when_checked([flags, &chosen] { chosen = [flags] { return perform_formats(*flags); }; });
}

}  // namespace ingot::apps
