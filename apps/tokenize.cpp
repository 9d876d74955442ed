// ingot tokenize: text to token ids as a model sees them, and back.
#include <fmt/format.h>

#include <charconv>
#include <memory>

#include "command_line.h"
#include "commands.h"
#include "flags.h"
#include "json_output.h"
#include "output.h"
#include "terminal.h"

namespace ingot::apps {
namespace {

struct Tokenize {
  std::string model, pre;
  Prompt prompt;
  bool special = false, no_bos = false, json = false, back = false;
};

/// Is there a whole, well-formed character at `at`? Its bytes, or 0.
size_t character_bytes(std::string_view text, size_t at) {
  unsigned char lead = text[at];
  size_t n = lead < 0x80                   ? 1
             : lead >= 0xC2 && lead < 0xE0 ? 2
             : lead >= 0xE0 && lead < 0xF0 ? 3
             : lead >= 0xF0 && lead < 0xF5 ? 4
                                           : 0;
  if (n == 0 || at + n > text.size()) return 0;
  for (size_t i = 1; i < n; i++)
    if ((text[at + i] & 0xC0) != 0x80) return 0;
  return n;
}

/// A token's bytes on one line: control characters and bytes that are no character stand as escapes.
std::string readable(std::string_view piece) {
  std::string s = "'";
  for (size_t i = 0; i < piece.size();) {
    unsigned char c = piece[i];
    size_t n = character_bytes(piece, i);
    if (c == '\n')
      s += "\\n";
    else if (c == '\t')
      s += "\\t";
    else if (c == '\\' || c == '\'')
      s += fmt::format("\\{}", static_cast<char>(c));
    else if (c < 0x20 || c == 0x7F || n == 0)
      s += fmt::format("\\x{:02x}", c);
    else
      s += piece.substr(i, n);
    i += std::max<size_t>(n, 1);
  }
  return s + "'";
}

/// "1 2 3" or "[1, 2, 3]": what `tokenize --json` writes can be read back.
std::vector<int32_t> parse_ids(const std::string& text, int vocab) {
  std::vector<int32_t> ids;
  const char* separators = " \t\r\n,[]";
  for (size_t at = text.find_first_not_of(separators); at != std::string::npos;) {
    size_t end = std::min(text.find_first_of(separators, at), text.size());
    int32_t id;
    auto [rest, error] = std::from_chars(text.data() + at, text.data() + end, id);
    if (error != std::errc() || rest != text.data() + end)
      throw UsageError("got '" + text.substr(at, end - at) + "' as a token; expected ids such as 1 2 3");
    if (id < 0 || id >= vocab)
      throw Error("tokenize", "token is not in the vocabulary", std::to_string(id), fmt::format("0 to {}", vocab - 1));
    ids.push_back(id);
    at = text.find_first_not_of(separators, end);
  }
  return ids;
}

int back_to_text(const Tokenize& flags, const Tokenizer& tokenizer, const std::string& input) {
  std::string text = tokenizer.decode(parse_ids(input, tokenizer.vocab()), flags.special);
  if (flags.json) {
    answer_json(text);
  } else {
    answer(text);
    if (is_terminal(Stream::answers) && !text.ends_with('\n')) answer("\n");
  }
  return success;
}

int perform_tokenize(const Tokenize& flags) {
  std::string input = flags.prompt.read();
  Tokenizer tokenizer = load_tokenizer_noting(flags.model, flags.pre);
  if (flags.back) return back_to_text(flags, tokenizer, input);
  std::vector<int32_t> ids = tokenizer.encode(input, !flags.no_bos, flags.special);
  if (flags.json) {
    answer_json(ids);
  } else {
    for (int32_t id : ids) answer(fmt::format("{} {}\n", id, readable(tokenizer.piece(id, true))));
  }
  return success;
}

}  // namespace

void add_tokenize(CommandLine& line, Action& chosen) {
  auto flags = std::make_shared<Tokenize>();
  Command* command = line.add_command("tokenize", "Turn text into a model's token ids, or back");
  add_model(*command, flags->model);
  add_prompt(*command, flags->prompt, "Text; with --detokenize, ids");
  command->add_flag("--special", flags->special,
                    "Parse spelled-out control tokens as tokens; with --detokenize, spell them out");
  Option* no_bos = command->add_flag("--no-bos", flags->no_bos,
                                     "Do not prepend the beginning-of-text token, even if the model asks for one");
  command->add_flag("--detokenize", flags->back, "Turn ids into text")->excludes(no_bos);
  add_pre_tokenizer(*command, flags->pre);
  command->add_flag("--json", flags->json, "A JSON array of ids; with --detokenize, a JSON string");
  command->footer(
      R"(One line per token: its id and its bytes; bytes that are not part of a character are escaped. --detokenize
writes the text byte for byte, followed by a newline only on a terminal.

Examples:
  ingot tokenize model.gguf -p "The sea is"
  ingot tokenize model.gguf -f letter.txt --json
  ingot tokenize model.gguf --detokenize -p "504 3828 314")");
  command->when_checked([flags, &chosen] { chosen = [flags] { return perform_tokenize(*flags); }; });
}

}  // namespace ingot::apps
