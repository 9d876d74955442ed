// Byte-level BPE (Sennrich et al. 2016; bytes as in GPT-2, Radford et al. 2019): text is split into words, a word
// starts as one symbol per byte, and neighbours are merged, best rank first, leftmost first, until no merge applies.
// O(n log n) in the word.
#include <algorithm>
#include <array>
#include <functional>

#include <fmt/core.h>

#include "base/checked.h"
#include "ingot/error.h"
#include "text/pre_tokenizers.h"
#include "text/utf8.h"
#include "text/vocabulary_tokenizer.h"

namespace ingot::text {
namespace {

// GPT-2 spells tokens without white space or control characters: a printable byte of Latin-1 stands for itself, the
// others are the characters from U+0100 on, in order.
std::array<char32_t, 256> make_byte_characters() {
  std::array<char32_t, 256> characters{};
  char32_t next = 0x100;
  for (unsigned byte = 0; byte < 256; byte++) {
    const bool printable = (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
    characters[byte] = printable ? byte : next++;
  }
  return characters;
}

const std::array<char32_t, 256>& byte_characters() {
  static const auto characters = make_byte_characters();
  return characters;
}

// The inverse; -1: not the spelling of a byte. All spellings are below U+0144.
const std::array<int, 0x144>& character_bytes() {
  static const auto bytes = [] {
    std::array<int, 0x144> table{};
    table.fill(-1);
    for (int byte = 0; byte < 256; byte++) table[byte_characters()[static_cast<size_t>(byte)]] = byte;
    return table;
  }();
  return bytes;
}

std::string spelled(std::string_view bytes) {
  std::string text;
  for (const char c : bytes) append_utf8(text, byte_characters()[static_cast<uint8_t>(c)]);
  return text;
}

// A symbol of a word: a token and its neighbours, as indices; -1: none. A symbol that was merged into its left
// neighbour is gone: its id is `gone`.
struct Symbol {
  int32_t id, previous, next;
};
constexpr int32_t no_token = -1, gone = -2;

// Buffers for one word at a time, kept between the words of a text.
struct Workspace {
  std::vector<Symbol> symbols;
  std::vector<uint64_t> queue;  // heap of rank << 32 | left symbol: smallest first is best rank, then leftmost
  uint64_t steps = 0;           // bytes and pairs looked at, over all words
};

class BpeTokenizer final : public VocabularyTokenizer {
 public:
  BpeTokenizer(Vocabulary vocabulary, const PreTokenizer& rule)
      : VocabularyTokenizer(std::move(vocabulary)),
        splitter_(rule),
        whole_words_(rule.whole_words),
        merges_(this->vocabulary().merges.size()) {
    for (unsigned byte = 0; byte < 256; byte++)
      byte_ids_[byte] = find(spelled(std::string(1, static_cast<char>(byte))));
    const auto& merges = this->vocabulary().merges;
    std::string joined;
    for (size_t rank = 0; rank < merges.size(); rank++) add_merge(merges[rank], rank, joined);
  }

 private:
  void append(std::string_view text, std::vector<int32_t>& ids, uint64_t* work) const override;
  std::string bytes_of(int32_t id) const override;
  bool has_prefix_space() const override { return false; }

  void add_merge(const std::string& merge, size_t rank, std::string& joined);
  void append_word(std::string_view word, Workspace& work, std::vector<int32_t>& ids) const;
  void consider(int32_t left, Workspace& work) const;

  WordSplitter splitter_;
  bool whole_words_;
  MergeTable merges_;
  std::array<int32_t, 256> byte_ids_{};  // -1: the vocabulary has no token for this byte
};

// `joined`: room that is kept between the merges.
void BpeTokenizer::add_merge(const std::string& merge, size_t rank, std::string& joined) {
  const auto fail = [&](const std::string& got, const std::string& expected) {
    throw Error("text", fmt::format("merge {} of the vocabulary is broken", rank), got, expected);
  };
  // A side may begin with a space when a vocabulary spells spaces plainly, so the blank is looked for from the second
  // byte on.
  const size_t blank = merge.find(' ', 1);
  if (blank == std::string::npos || blank + 1 == merge.size())
    fail(fmt::format("\"{}\"", merge), "two tokens with a space between them");
  const std::string_view left = std::string_view(merge).substr(0, blank),
                         right = std::string_view(merge).substr(blank + 1);
  const auto known = [&](std::string_view text) {
    const int32_t id = find(text);
    if (id < 0) fail(fmt::format("\"{}\"", text), "a token of the vocabulary");
    return id;
  };
  const int32_t left_id = known(left), right_id = known(right);
  joined.assign(left).append(right);
  merges_.add(left_id, right_id, {narrow<uint32_t>(rank, "text", "the number of merges"), known(joined)});
}

// Queues the merge of `left` with its right neighbour, if there is one.
void BpeTokenizer::consider(int32_t left, Workspace& work) const {
  if (left < 0) return;
  const Symbol& symbol = work.symbols[static_cast<size_t>(left)];
  if (symbol.next < 0) return;
  work.steps++;
  const auto* merge = merges_.find(symbol.id, work.symbols[static_cast<size_t>(symbol.next)].id);
  if (!merge) return;
  work.queue.push_back(uint64_t{merge->rank} << 32 | static_cast<uint32_t>(left));
  std::push_heap(work.queue.begin(), work.queue.end(), std::greater<>());
}

void BpeTokenizer::append_word(std::string_view word, Workspace& work, std::vector<int32_t>& ids) const {
  if (whole_words_) {
    const int32_t id = find(spelled(word));
    if (id >= 0) return ids.push_back(id);
  }
  auto& symbols = work.symbols;
  symbols.clear();
  const auto n = narrow<int32_t>(word.size(), "text", "the length of a word in bytes");
  work.steps += word.size();
  for (int32_t i = 0; i < n; i++) {
    symbols.push_back({byte_ids_[static_cast<uint8_t>(word[static_cast<size_t>(i)])], i - 1, i + 1 < n ? i + 1 : -1});
  }
  work.queue.clear();
  for (int32_t i = 0; i < n; i++) consider(i, work);
  while (!work.queue.empty()) {
    std::pop_heap(work.queue.begin(), work.queue.end(), std::greater<>());
    const uint64_t best = work.queue.back();
    work.queue.pop_back();
    work.steps++;
    const auto at = static_cast<int32_t>(best & UINT32_MAX);
    Symbol& left = symbols[static_cast<size_t>(at)];
    if (left.id == gone || left.next < 0) continue;
    Symbol& right = symbols[static_cast<size_t>(left.next)];
    // An earlier merge may have changed either side since this one was queued.
    const auto* merge = merges_.find(left.id, right.id);
    if (!merge || merge->rank != best >> 32) continue;
    left.id = merge->result;
    left.next = right.next;
    right.id = gone;
    if (left.next >= 0) symbols[static_cast<size_t>(left.next)].previous = at;
    consider(left.previous, work);
    consider(at, work);
  }
  for (int32_t i = 0; i >= 0; i = symbols[static_cast<size_t>(i)].next) {
    const int32_t id = symbols[static_cast<size_t>(i)].id;
    // A byte that the vocabulary has no token for is left out, as llama.cpp does: the unknown token of such
    // vocabularies is often an end of text, and would say something else.
    if (id != no_token) ids.push_back(id);
  }
}

void BpeTokenizer::append(std::string_view text, std::vector<int32_t>& ids, uint64_t* work) const {
  const std::string readable = lenient_utf8(text);
  Workspace space;
  for (const std::string_view word : splitter_.split(readable, work)) append_word(word, space, ids);
  if (work) *work += space.steps;
}

std::string BpeTokenizer::bytes_of(int32_t id) const {
  std::string bytes;
  std::string_view rest = text_of(id);
  while (!rest.empty()) {
    const size_t n = std::min(announced_bytes(rest[0]), rest.size());
    // Two bytes reach to U+07FF; every spelling of a byte has one or two.
    const char32_t character = n == 1   ? static_cast<uint8_t>(rest[0])
                               : n == 2 ? (rest[0] & 0x1F) << 6 | (rest[1] & 0x3F)
                                        : 0xFFFD;
    const int byte = character < character_bytes().size() ? character_bytes()[character] : -1;
    // Added tokens may hold characters that spell no byte: they stand for themselves.
    if (byte >= 0) {
      bytes += static_cast<char>(byte);
    } else {
      bytes += rest.substr(0, n);
    }
    rest.remove_prefix(n);
  }
  return bytes;
}

}  // namespace

std::unique_ptr<Tokenizer> make_bpe(Vocabulary vocabulary) {
  const PreTokenizer* rule = find_pre_tokenizer(vocabulary.pre);
  if (!rule) {
    std::string known;
    for (const std::string_view name : pre_tokenizer_names())
      known.append(known.empty() ? "one of " : ", ").append(name);
    throw Error("text", "unknown pre-tokenizer", fmt::format("\"{}\"", vocabulary.pre), known,
                "choose the one that splits text like this model's (--pre)");
  }
  return std::make_unique<BpeTokenizer>(std::move(vocabulary), *rule);
}

}  // namespace ingot::text
