// How byte-level BPE splits text into words before it merges within each of them: named rules, and a class that applies
// one. A rule is a list of PCRE2 patterns; the first splits the text, each further one splits the pieces left by those
// before it.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace ingot::text {

struct PreTokenizer {
  std::vector<std::string_view> names;  ///< as GGUF's tokenizer.ggml.pre spells them
  std::vector<std::string> patterns;    ///< PCRE2, in Unicode mode: \p{…}, \s and \S know all of Unicode
  bool whole_words = false;             ///< a word that is itself a token is taken as such, without merging
  bool adds_bos = false;                ///< unless the file says otherwise
};

/// The rule of that name; "" is "default". Null when unknown.
const PreTokenizer* find_pre_tokenizer(std::string_view name);
/// All names, sorted.
std::vector<std::string_view> pre_tokenizer_names();

/// Applies one rule. Usable from several threads at once.
class WordSplitter {
 public:
  explicit WordSplitter(const PreTokenizer& rule);
  ~WordSplitter();
  /// The words of `text`, in order and without gaps; each is a view into it. `text` is what `lenient_utf8` returns.
  /// `work`, if given, is increased by the number of steps of PCRE2's interpreter, since the JIT does not count.
  std::vector<std::string_view> split(std::string_view text, uint64_t* work = nullptr) const;

 private:
  struct Pattern;
  std::vector<std::unique_ptr<Pattern>> patterns_;
};

}  // namespace ingot::text
