// Splitting text by one rule, with PCRE2 (UTF, UCP, JIT).
#include <new>
#include <optional>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <fmt/core.h>
#include <pcre2.h>

#include "ingot/error.h"
#include "text/pre_tokenizers.h"
#include "text/stand_ins.h"

namespace ingot::text {
namespace {

std::string message_of(int code) {
  std::string text(256, '\0');
  const int length = pcre2_get_error_message(code, reinterpret_cast<PCRE2_UCHAR*>(text.data()), text.size());
  text.resize(length > 0 ? static_cast<size_t>(length) : 0);
  return text;
}

// Counts the steps of a matcher whose pattern was compiled with callouts: it calls back before each item of the
// pattern. An item that repeats a class advances over many characters between two calls, so these are counted as well.
class StepCounter {
 public:
  explicit StepCounter(uint64_t* work)
      : work_(work), context_(pcre2_match_context_create(nullptr), pcre2_match_context_free) {
    if (!context_) throw std::bad_alloc();
    pcre2_set_callout(context_.get(), count, this);
  }
  StepCounter(const StepCounter&) = delete;
  pcre2_match_context* context(size_t from) {
    at_ = from;
    return context_.get();
  }

 private:
  static int count(pcre2_callout_block* block, void* data) {
    auto& counter = *static_cast<StepCounter*>(data);
    *counter.work_ += 1 + (block->current_position > counter.at_ ? block->current_position - counter.at_ : 0);
    counter.at_ = block->current_position;
    return 0;
  }

  uint64_t* work_;
  size_t at_ = 0;  // the matcher's position at the last call
  std::unique_ptr<pcre2_match_context, void (*)(pcre2_match_context*)> context_;
};

}  // namespace

struct WordSplitter::Pattern {
  enum class Use { fast, counted };
  Pattern(std::string_view pattern, Use use) : text(pattern) {
    int error = 0;
    PCRE2_SIZE at = 0;
    const uint32_t options = PCRE2_UTF | PCRE2_UCP | (use == Use::counted ? PCRE2_AUTO_CALLOUT : 0);
    code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), options, &error, &at, nullptr);
    if (!code)
      throw Error("text", fmt::format("pre-tokenizer pattern \"{}\" does not compile", text), message_of(error), "",
                  "");
    if (use == Use::fast) pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);  // optional: without it, matching is only slower
  }
  Pattern(const Pattern&) = delete;
  ~Pattern() { pcre2_code_free(code); }

  // Appends the words of `piece`; `readable` is its text for the matcher.
  void split(std::string_view piece, std::string_view readable, pcre2_match_data* match, StepCounter* counter,
             std::vector<std::string_view>& words) const {
    const auto find_from = [&](size_t at, uint32_t options) {
      return pcre2_match(code, reinterpret_cast<PCRE2_SPTR>(readable.data()), readable.size(), at,
                         PCRE2_NO_UTF_CHECK | options, match, counter ? counter->context(at) : nullptr);
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
      // There is room for one pair of offsets; 0 only means that the pattern has more groups.
      if (found < 0)
        throw Error("text", "splitting the text into words failed", message_of(found), "",
                    "split the text into shorter parts");
      const PCRE2_SIZE* range = pcre2_get_ovector_pointer(match);
      if (range[1] == range[0]) break;
      cut(range[0]);
      cut(range[1]);
    }
    cut(piece.size());
  }

  std::string text;
  pcre2_code* code;
};

WordSplitter::WordSplitter(const PreTokenizer& rule) {
  for (const std::string_view pattern : rule.patterns)
    patterns_.push_back(std::make_unique<Pattern>(pattern, Pattern::Use::fast));
}

WordSplitter::~WordSplitter() = default;

std::vector<std::string_view> WordSplitter::split(std::string_view text, uint64_t* work) const {
  const std::string changed = with_stand_ins(text);
  const std::string_view readable = changed.empty() ? text : changed;
  const std::unique_ptr<pcre2_match_data, void (*)(pcre2_match_data*)> match(pcre2_match_data_create(1, nullptr),
                                                                             pcre2_match_data_free);
  if (!match) throw std::bad_alloc();
  std::optional<StepCounter> counter;
  if (work) counter.emplace(work);
  std::vector<std::string_view> words{text};
  for (const auto& pattern : patterns_) {
    std::vector<std::string_view> pieces;
    pieces.swap(words);
    std::optional<Pattern> counted;
    if (work) counted.emplace(pattern->text, Pattern::Use::counted);
    for (const std::string_view piece : pieces) {
      const std::string_view seen = readable.substr(static_cast<size_t>(piece.data() - text.data()), piece.size());
      (counted ? *counted : *pattern).split(piece, seen, match.get(), counter ? &*counter : nullptr, words);
    }
  }
  return words;
}

}  // namespace ingot::text
