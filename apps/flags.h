// Flags that several commands share, with the checks of their values; a wrong value is found before anything is loaded.
#pragma once
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "command_line.h"
#include "ingot/ingot.h"

namespace ingot::apps {

constexpr int max_threads = 1024;
constexpr int max_int = std::numeric_limits<int>::max();

/// A decimal number as std::from_chars reads it, which not every standard library can: nothing around it, whatever the
/// locale. May be NaN or infinite: no range holds those.
std::optional<double> parse_real(std::string_view text);

/// Checks of options: "got 2000; expected a whole number from 0 to 1024".
Check whole_number(int64_t low, int64_t high);
/// `above_low`: `low` itself is refused.
Check real_number(double low, double high, bool above_low = false);
/// "1,2,4": one or more whole numbers with commas between them.
Check whole_numbers(int64_t low, int64_t high);
std::vector<int> split_whole_numbers(const std::string& list);
/// "NAME,NAME", in lower case.
std::vector<std::string> split_names(const std::string& list);

/// "6000000000", "500M", "6G": bytes.
std::optional<uint64_t> parse_bytes(std::string_view text);
std::string check_bytes(const std::string& text);

/// Refuses an option that is given, but as an empty text: it is a mistake (an unset variable of a shell), and not as if
/// it were absent.
Check not_empty();

/// -m FILE, or the file as it is.
Option* add_model(Command& command, std::string& path);

/// -p TEXT or -f FILE.
struct Prompt {
  std::string text, file;
  Option *from_text = nullptr, *from_file = nullptr;
  bool is_given() const { return from_text->is_given() || from_file->is_given(); }
  /// The text, byte for byte. Errors: UsageError when none was given; Error when the file cannot be read.
  std::string read() const;
};
void add_prompt(Command& command, Prompt& prompt, const std::string& what);

/// --device --isa --no-repack, and -t and -c where the command takes one of each.
void add_machine(Command& command, LoadOptions& options);
void add_pre_tokenizer(Command& command, std::string& pre);
void add_threads(Command& command, LoadOptions& options);
void add_context(Command& command, LoadOptions& options);
void add_strict(Command& command, LoadOptions& options);
/// -c and --windows: how a text is cut.
void add_windows(Command& command, EvaluateOptions& options);

/// No more threads than can compute at the same time.
void limit_threads(LoadOptions& options);
/// Loads the model with `limit_threads`, and with a bar when it takes long; what it warns of is noted.
Model load_model(const std::string& path, LoadOptions options);
/// The tokenizer alone, likewise.
Tokenizer load_tokenizer_noting(const std::string& path, const std::string& pre);

}  // namespace ingot::apps
