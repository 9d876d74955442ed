// Values are parsed strictly: the whole word, decimal, within its limits.
#include "flags.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <locale>
#include <sstream>

#include "base/checked.h"
#include "files.h"
#include "interrupt.h"
#include "output.h"
#include "terminal.h"

namespace ingot::apps {

std::optional<double> parse_real(std::string_view text) {
  bool negative = text.starts_with('-');
  std::string_view digits = text.substr(negative);
  double value = digits == "inf" ? INFINITY : digits == "nan" ? NAN : 0;
  if (value == 0) {
    if (digits.empty() || digits.find_first_not_of("0123456789.eE+-") != digits.npos || digits[0] == '+' ||
        digits[0] == '-')
      return std::nullopt;
    std::istringstream in{std::string(digits)};
    in.imbue(std::locale::classic());
    if (!(in >> value) || in.peek() != std::istringstream::traits_type::eof()) return std::nullopt;
  }
  return negative ? -value : value;
}

namespace {

std::optional<int64_t> parse_whole(std::string_view text) {
  int64_t value;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string whole_range(int64_t low, int64_t high) { return fmt::format("a whole number from {} to {}", low, high); }

std::vector<std::string_view> split_commas(std::string_view list) {
  std::vector<std::string_view> parts;
  for (;;) {
    size_t comma = list.find(',');
    parts.push_back(list.substr(0, comma));
    if (comma == std::string_view::npos) return parts;
    list.remove_prefix(comma + 1);
  }
}

}  // namespace

Check whole_number(int64_t low, int64_t high) {
  return [=](const std::string& text) -> std::string {
    auto value = parse_whole(text);
    if (value && *value >= low && *value <= high) return "";
    return fmt::format("got '{}'; expected {}", text, whole_range(low, high));
  };
}

Check real_number(double low, double high, bool above_low) {
  return [=](const std::string& text) -> std::string {
    auto value = parse_real(text);
    if (value && (above_low ? *value > low : *value >= low) && *value <= high) return "";
    std::string range = above_low ? fmt::format("above {}", low) : fmt::format("from {}", low);
    if (high < std::numeric_limits<float>::max())
      range += above_low ? fmt::format(" and at most {}", high) : fmt::format(" to {}", high);
    return fmt::format("got '{}'; expected a number {}", text, range);
  };
}

Check whole_numbers(int64_t low, int64_t high) {
  return [=](const std::string& list) -> std::string {
    for (std::string_view part : split_commas(list)) {
      auto value = parse_whole(part);
      if (!value || *value < low || *value > high)
        return fmt::format("got '{}'; expected {}, or several, separated by commas", list, whole_range(low, high));
    }
    return "";
  };
}

std::optional<uint64_t> parse_bytes(std::string_view text) {
  uint64_t unit = 1;
  if (text.ends_with('M')) unit = 1000'000;
  if (text.ends_with('G')) unit = 1000'000'000;
  if (unit > 1) text.remove_suffix(1);
  std::optional<int64_t> n = parse_whole(text);
  if (!n || *n < 0) return std::nullopt;
  return capped_product(*n, unit);
}

std::string check_bytes(const std::string& text) {
  return parse_bytes(text)
             ? ""
             : fmt::format("got '{}'; expected bytes, or a number with M or G (10^6 or 10^9 bytes), such as 6G", text);
}

std::vector<int> split_whole_numbers(const std::string& list) {
  std::vector<int> values;
  for (std::string_view part : split_commas(list)) values.push_back(static_cast<int>(parse_whole(part).value()));
  return values;
}

std::vector<std::string> split_names(const std::string& list) {
  std::vector<std::string> names;
  for (std::string_view part : split_commas(list)) {
    std::string& name = names.emplace_back(part);
    std::ranges::transform(name, name.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  }
  return names;
}

Check not_empty() {
  return [](const std::string& text) -> std::string { return text.empty() ? "got ''; expected a non-empty text" : ""; };
}

Option* add_model(Command& command, std::string& path) {
  Option* model = command.add_option("MODEL,-m,--model", &path, "Model file, GGUF; of a split model, the first part")
                      ->check(not_empty())
                      ->type_name("FILE");
  command.when_read([model, &path] {
    if (!model->is_given()) throw UsageError("a model (MODEL or -m FILE) is required");
    name_mapped_file(path);
  });
  return model;
}

void add_prompt(Command& command, Prompt& prompt, const std::string& what) {
  prompt.from_text = command.add_option("-p,--prompt", &prompt.text, what)->type_name("TEXT");
  prompt.from_file = command.add_option("-f,--file", &prompt.file, "Read it from a file, byte for byte; -: stdin")
                         ->check(not_empty())
                         ->type_name("FILE")
                         ->excludes(prompt.from_text);
}

std::string Prompt::read() const {
  if (from_text->is_given()) return text;
  if (!from_file->is_given()) throw UsageError("no text given; expected -p TEXT or -f FILE (-: stdin)");
  return read_text(file);
}

namespace {

/// Where kernels that a device compiled at load are kept: in the user's folder for what can be made again.
std::string default_kernel_cache() {
  const char *cache = std::getenv("XDG_CACHE_HOME"), *home = std::getenv("HOME");
  if (cache && *cache) return std::string(cache) + "/ingot/kernels";
  return home && *home ? std::string(home) + "/.cache/ingot/kernels" : "";
}

}  // namespace

void add_machine(Command& command, LoadOptions& options) {
  options.kernel_cache = default_kernel_cache();
  command.add_option("--device", &options.device, "Device to run on (see ingot doctor)")
      ->check(not_empty())
      ->type_name("NAME")
      ->show_default();
  command.add_option("--isa", &options.isa, "Instruction set to use instead of the best one (see ingot doctor)")
      ->check(not_empty())
      ->type_name("NAME");
  command
      .add_option("--kernel-cache", &options.kernel_cache,
                  "Folder for kernels that a device compiles when it loads a model; \"\": no cache")
      ->type_name("DIR");
  command.add_option("--kv", &options.kv, "Format of the KV cache (default: 16-bit floats)")
      ->check(not_empty())
      ->type_name("FORMAT");
  command
      .add_option(
          "--state-memory", [&options](const std::string& text) { options.state_memory = *parse_bytes(text); },
          "Memory for the keys and values of all sequences together, such as 6G; 0: what is free (default 0)")
      ->check(check_bytes)
      ->type_name("BYTES");
  command.add_flag(
      "--no-repack", [&options] { options.repack = false; },
      "Run directly from the mapped file: loads instantly, runs slower");
}

void add_pre_tokenizer(Command& command, std::string& pre) {
  command
      .add_option("--pre", &pre,
                  "Pre-tokenizer to use instead of the one named in the file; an unknown NAME lists them")
      ->check(not_empty())
      ->type_name("NAME");
}

void add_threads(Command& command, LoadOptions& options) {
  command
      .add_option("-t,--threads", &options.threads,
                  "Threads, at most one per core that may be used; 0: one per core (default 0)")
      ->check(whole_number(0, max_threads))
      ->type_name("N");
}

void add_context(Command& command, LoadOptions& options) {
  command
      .add_option(
          "-c,--ctx-size", &options.context,
          "Context size in tokens, for prompt and answer together; 0: the model's own limit, at most 4096 (default 0)")
      ->check(whole_number(0, max_int))
      ->type_name("N");
}

void add_strict(Command& command, LoadOptions& options) {
  command.add_flag("--strict-kernels", options.strict_kernels,
                   "Refuse to run a plan with a step that has no fast kernel");
}

void add_windows(Command& command, EvaluateOptions& options) {
  command.add_option("-c,--ctx,--ctx-size", &options.context, "Window size in tokens")
      ->check(whole_number(4, max_int))
      ->type_name("N")
      ->show_default();
  command.add_option("--windows", &options.windows, "Maximum number of windows; 0: the whole text (default 0)")
      ->check(whole_number(0, max_int))
      ->type_name("N");
}

namespace {

void note_warnings(const std::string& path, const Tokenizer& tokenizer) {
  for (const std::string& warning : tokenizer.warnings()) note(Styled(Color::yellow, path + ": " + warning));
}

}  // namespace

void limit_threads(LoadOptions& options) {
  if (options.threads <= 1) return;
  if (const int usable = usable_threads(options.device)) options.threads = std::min(options.threads, usable);
}

Model load_model(const std::string& path, LoadOptions options) {
  limit_threads(options);
  std::optional<Model> model;
  {
    ProgressBar bar("loading");
    options.progress = [&bar](double done) { bar.show(done); };
    model = Model::load(path, options);
  }
  note_warnings(path, model->tokenizer());
  return *std::move(model);
}

Tokenizer load_tokenizer_noting(const std::string& path, const std::string& pre) {
  Tokenizer tokenizer = load_tokenizer(path, pre);
  note_warnings(path, tokenizer);
  return tokenizer;
}

}  // namespace ingot::apps
