#include "backends/gpu/compose.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "backends/gpu/texts.h"
#include "ingot/error.h"

namespace ingot::gpu {

namespace {

// The beginning of every source, after its dialect. Kernels include what else they use.
constexpr const char* foundations[] = {
    "kernels/dialect/contract.h", "kernels/dialect/lane.h",   "kernels/dialect/quantized.h", "kernels/quant/facts.h",
    "kernels/quant/decode.h",     "kernels/quant/as_table.h", "kernels/quant/resident.h"};

bool is_kernel(std::string_view path) { return path.starts_with("kernels/") && path.find("/gpu/") != path.npos; }

std::string_view text_of(const std::string& path) {
  auto found = std::ranges::find(texts(), path, &Text::path);
  if (found == texts().end()) throw Error("gpu", "no such text", path, "a file of kernels/ or formats/");
  return found->text;
}

// Appends a file once, after the files that it includes, which it names relative to its own folder or to kernels/;
// includes and include guards are left out. Lines keep the file's numbers.
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
      if (line.starts_with("#include \"")) {
        const std::string name(line.substr(10, line.rfind('"') - 10));
        add(std::ranges::find(texts(), folder + name, &Text::path) != texts().end() ? folder + name
                                                                                    : "kernels/" + name);
      }
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
    if (letter)
      letters += c;
    else if (!letters.empty() && letters.back() != '_')
      letters += '_';
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
  for (const Text& text : texts())
    if (is_kernel(text.path)) composer.add(std::string(text.path));
  Source source{std::move(composer.source), {}};
  source.text += "#line 1 \"entries\"\n";
  for (const Entry& entry : entries) {
    source.text += fmt::format("ENTRY({}, {})\n", entry.name(), entry.type());
    source.entries.push_back(entry.name());
  }
  return source;
}

}  // namespace ingot::gpu
