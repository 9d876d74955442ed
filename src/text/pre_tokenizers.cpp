// The table of pre-tokenizers, and splitting with PCRE2 (UTF, UCP, JIT). To add a rule, add a row; the patterns are those that
// the makers publish in their tokenizer.json, grouped under the names that GGUF files use.
#include "text/pre_tokenizers.h"

#include <algorithm>
#include <new>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <fmt/format.h>
#include <pcre2.h>

#include "ingot/error.h"

namespace ingot::text {
namespace {

// GPT-2 (Radford et al. 2019, encoder.py): contractions, then letters, numbers, the rest, each with one space before it; a run of
// white space leaves its last character to the word that follows.
constexpr std::string_view gpt2 = R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

// Contractions in either case, letters with one other character before them, line breaks kept together; numbers in groups of
// three digits (Llama 3, after OpenAI's cl100k_base) or one (Qwen 2).
constexpr std::string_view llama3 =
    R"('(?:[sStTmMdD]|[rR][eE]|[vV][eE]|[lL][lL])|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view qwen2 =
    R"('(?:[sStTmMdD]|[rR][eE]|[vV][eE]|[lL][lL])|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

const std::vector<PreTokenizer>& table() {
  static const std::vector<PreTokenizer> rules{
      // What GGUF readers take when a file names no rule.
      {{"default"}, {R"([\p{P}$+<=>^~|]+)", gpt2, R"(\p{N}+)", "[0-9][0-9][0-9]"}},
      {{"gpt-2", "phi-2"}, {gpt2}},
      // Each digit is a word of its own.
      {{"smollm", "starcoder", "refact", "command-r", "codeshell", "exaone", "minerva-7b"}, {R"(\p{N})", gpt2}},
      {{"falcon"}, {R"([\p{P}$+<=>^~|`]+)", gpt2, "[0-9][0-9][0-9]"}},
      {{"llama-bpe", "llama3", "llama-v3"}, {llama3}, true, true},
      {{"qwen2", "deepseek-r1-qwen", "stablelm2"}, {qwen2}},
  };
  return rules;
}

std::string message_of(int code) {
  std::string text(256, '\0');
  const int length = pcre2_get_error_message(code, reinterpret_cast<PCRE2_UCHAR*>(text.data()), text.size());
  text.resize(length > 0 ? static_cast<size_t>(length) : 0);
  return text;
}

// `text` as the matcher may see it: same length, same words. Lone surrogates are not allowed in UTF mode and become U+FFFD, a
// symbol too. U+180E is white space to PCRE2's \s alone, so it becomes U+2060, a format character like it.
// Empty when nothing has to change.
std::string matchable(std::string_view text) {
  std::string changed;
  const auto replace = [&](size_t at, std::string_view by) {
    if (changed.empty()) changed = text;
    changed.replace(at, by.size(), by);
  };
  for (size_t at = 0; at + 2 < text.size(); at++) {
    if (text[at] == '\xED' && static_cast<unsigned char>(text[at + 1]) >= 0xA0) replace(at, "\xEF\xBF\xBD");
    if (text.substr(at, 3) == "\xE1\xA0\x8E") replace(at, "\xE2\x81\xA0");
  }
  return changed;
}

}  // namespace

const PreTokenizer* find_pre_tokenizer(std::string_view name) {
  if (name.empty()) name = "default";
  for (const PreTokenizer& rule : table()) {
    if (std::find(rule.names.begin(), rule.names.end(), name) != rule.names.end()) return &rule;
  }
  return nullptr;
}

std::vector<std::string_view> pre_tokenizer_names() {
  std::vector<std::string_view> names;
  for (const PreTokenizer& rule : table()) names.insert(names.end(), rule.names.begin(), rule.names.end());
  std::sort(names.begin(), names.end());
  return names;
}

struct WordSplitter::Pattern {
  explicit Pattern(std::string_view pattern) {
    int error = 0;
    PCRE2_SIZE at = 0;
    code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(), PCRE2_UTF | PCRE2_UCP, &error, &at, nullptr);
    if (!code) throw Error("text", fmt::format("pre-tokenizer pattern \"{}\" does not compile", pattern), message_of(error), "", "");
    pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);  // where it cannot, matching is slower but the same
  }
  Pattern(const Pattern&) = delete;
  ~Pattern() { pcre2_code_free(code); }

  // Appends the words of `piece`; `readable` is its text for the matcher.
  void split(std::string_view piece, std::string_view readable, pcre2_match_data* match, std::vector<std::string_view>& words) const {
    const auto find_from = [&](size_t at, uint32_t options) {
      return pcre2_match(code, reinterpret_cast<PCRE2_SPTR>(readable.data()), readable.size(), at, PCRE2_NO_UTF_CHECK | options, match,
                         nullptr);
    };
    size_t from = 0;
    const auto cut = [&](size_t to) {
      if (to > from) words.push_back(piece.substr(from, to - from));
      from = to;
    };
    while (from < piece.size()) {
      int found = find_from(from, 0);
      if (found == PCRE2_ERROR_JIT_STACKLIMIT) found = find_from(from, PCRE2_NO_JIT);
      if (found == PCRE2_ERROR_NOMATCH) break;
      // One pair of offsets was asked for; 0 only says that there are groups beyond it.
      if (found < 0) throw Error("text", "cutting text into words failed", message_of(found), "", "cut the text into shorter parts");
      const PCRE2_SIZE* range = pcre2_get_ovector_pointer(match);
      if (range[1] == range[0]) break;
      cut(range[0]);
      cut(range[1]);
    }
    cut(piece.size());
  }

  pcre2_code* code;
};

WordSplitter::WordSplitter(const PreTokenizer& rule) {
  for (const std::string_view pattern : rule.patterns) patterns_.push_back(std::make_unique<Pattern>(pattern));
}

WordSplitter::~WordSplitter() = default;

std::vector<std::string_view> WordSplitter::split(std::string_view text) const {
  const std::string changed = matchable(text);
  const std::string_view readable = changed.empty() ? text : changed;
  const std::unique_ptr<pcre2_match_data, void (*)(pcre2_match_data*)> match(pcre2_match_data_create(1, nullptr), pcre2_match_data_free);
  if (!match) throw std::bad_alloc();
  std::vector<std::string_view> words{text};
  for (const auto& pattern : patterns_) {
    std::vector<std::string_view> pieces;
    pieces.swap(words);
    for (const std::string_view piece : pieces) {
      pattern->split(piece, readable.substr(static_cast<size_t>(piece.data() - text.data()), piece.size()), match.get(), words);
    }
  }
  return words;
}

}  // namespace ingot::text
