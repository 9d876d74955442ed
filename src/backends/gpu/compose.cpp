#include "backends/gpu/compose.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "backends/gpu/texts.h"
#include "ingot/error.h"

namespace ingot::gpu {

namespace {

// What every source begins with, behind its dialect, and the kernels, each behind what it uses.
constexpr const char* foundations[] = {"kernels/dialect/contract.h", "kernels/dialect/lane.h", "kernels/dialect/quantized.h", "kernels/quant/facts.h",
                                       "kernels/quant/decode.h",     "kernels/quant/as_table.h", "kernels/quant/resident.h"};
constexpr const char* kernels[] = {"kernels/batch/header.h", "kernels/batch/pages.h", "kernels/batch/gather_launch.h", "kernels/batch/gather_rows.h",
                                   "kernels/gemv/launch.h", "kernels/gemv/chunk.h", "kernels/gemv/rows_split.h",      "kernels/gemv/rows_of_blocks.h",
                                   "kernels/gemv/stages.h", "kernels/gemv/driver.h", "kernels/gemv/keep_input.h", "kernels/gemv/rows_past_input.h", "kernels/gemv/rows_of_numbers.h", "kernels/gemv/one_token.h",
                                   "kernels/gemm/launch.h", "kernels/gemm/steps.h", "kernels/gemm/driver.h",
                                   "kernels/embed/launch.h", "kernels/embed/rows_by_token.h",  "kernels/norm/launch.h",               "kernels/norm/token_a_group.h",
                                   "kernels/rope/launch.h",  "kernels/rope/head_a_warp.h",     "kernels/attend/launch.h",             "kernels/attend/halves.h",
                                   "kernels/attend/split_over_cache.h", "kernels/attend/tiles.h", "kernels/sample/launch.h", "kernels/sample/best_of_parts.h",
                                   "kernels/probe/launch.h", "kernels/probe/read.h"};

std::string_view text_of(const std::string& path) {
  auto found = std::ranges::find(texts(), path, &Text::path);
  if (found == texts().end()) throw Error("gpu", "no such text", path, "a file of kernels/ or formats/");
  return found->text;
}

// Appends a file once, behind the files that it includes; includes and include guards themselves stay out. Lines keep the file's numbers.
class Composer {
 public:
  std::string source;
  void add(const std::string& path) {
    if (!added_.insert(path).second) return;
    std::string_view text = text_of(path);
    std::string folder = path.substr(0, path.rfind('/') + 1), body;
    for (size_t at = 0; at < text.size();) {
      size_t end = std::min(text.find('\n', at), text.size());
      std::string_view line = text.substr(at, end - at);
      if (line.starts_with("#include \"")) add(folder + std::string(line.substr(10, line.rfind('"') - 10)));
      bool kept = !line.starts_with("#include \"") && !line.starts_with("#pragma once");
      (body += kept ? line : "") += '\n';
      at = end + 1;
    }
    source += fmt::format("#line 1 \"{}\"\n{}", path, body);
  }

 private:
  std::set<std::string> added_;
};

}  // namespace

std::string Entry::type() const {
  std::vector<std::string> all = arguments;
  for (const quant::Format* f : formats) all.emplace_back(f->name);
  return all.empty() ? kernel : fmt::format("{}<{}>", kernel, fmt::join(all, ", "));
}

std::string Entry::name() const {
  std::string name = type(), letters;
  for (char c : name) {
    bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (letter) letters += c;
    else if (!letters.empty() && letters.back() != '_') letters += '_';
  }
  if (letters.back() == '_') letters.pop_back();
  return letters;
}

Source compose(const std::string& dialect, std::span<const Entry> entries) {
  Composer composer;
  composer.add("kernels/dialect/" + dialect + ".h");
  for (const char* path : foundations) composer.add(path);
  composer.add("kernels/dialect/" + dialect + "_tile.h");
  for (const Entry& entry : entries)
    for (const quant::Format* f : entry.formats) composer.add(fmt::format("formats/{}.h", f->name));
  for (const char* path : kernels) composer.add(path);
  Source source{std::move(composer.source), {}};
  source.text += "#line 1 \"entries\"\n";
  for (const Entry& entry : entries) {
    source.text += fmt::format("ENTRY({}, {})\n", entry.name(), entry.type());
    source.entries.push_back(entry.name());
  }
  return source;
}

}  // namespace ingot::gpu
