// SPM, the BPE of SentencePiece (Kudo and Richardson 2018): spaces become U+2581, text starts as one symbol per
// character, and neighbours whose joined text is a token are merged, highest score first, leftmost first. What is not a
// token in the end is spelled in byte tokens <0x00> … <0xFF>. O(n log n) in the text, whatever the vocabulary.
#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/core.h>

#include "base/checked.h"
#include "ingot/error.h"
#include "text/spelling_automaton.h"
#include "text/utf8.h"
#include "text/vocabulary_tokenizer.h"

namespace ingot::text {
namespace {

constexpr std::string_view space_mark = "\xE2\x96\x81";  // U+2581

// Candidates of at most so many bytes are looked up by their hash. That takes time in proportion to their length, and
// with tokens that are all prefixes of each other every byte of the text would be hashed as often as the longest has
// bytes; so the automaton finds the long ones. In real vocabularies these are a few runs of spaces, if any.
constexpr size_t max_hashed_bytes = 64;

// A part of the text and its neighbours, as indices; -1: none. A symbol that was merged into its left neighbour has 0
// bytes.
struct Symbol {
  int32_t at, bytes, previous, next;
};

// A possible merge of two neighbours. Stale when the two no longer add up to `bytes`: symbols only grow or vanish.
struct Merge {
  float score;
  int32_t left, right, bytes;
};
// Order of a heap whose front is the merge to do next.
bool later(const Merge& a, const Merge& b) { return a.score < b.score || (a.score == b.score && a.left > b.left); }

std::string with(std::string_view text, std::string_view from, std::string_view to) {
  std::string out;
  out.reserve(text.size() + text.size() / 4);
  size_t at = 0;
  for (size_t found; (found = text.find(from, at)) != std::string_view::npos; at = found + from.size()) {
    out += text.substr(at, found - at);
    out += to;
  }
  return out += text.substr(at);
}

// The byte that a byte token spells, or -1.
int spelled_byte(std::string_view token) {
  const auto digit = [](char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                  : -1;
  };
  if (token.size() != 6 || !token.starts_with("<0x") || token[5] != '>') return -1;
  const int high = digit(token[3]), low = digit(token[4]);
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

// The long tokens that begin at each position of a text. Most texts have no candidate of such a length, so the text is
// read when the first one comes.
class LongTokens {
 public:
  LongTokens(const SpellingAutomaton& automaton, std::string_view text) : automaton_(&automaton), text_(text) {}
  // The token that reads text.substr(at, bytes), or -1.
  int32_t find(size_t at, size_t bytes, uint64_t& steps) {
    if (states_.empty()) read(steps);
    const auto& node = automaton_->longest(states_[at], SpellingAutomaton::any, bytes, steps);
    return node.bytes == bytes ? node.id : -1;
  }

 private:
  void read(uint64_t& steps) {
    states_.resize(text_.size());
    uint32_t state = 0;
    for (size_t at = text_.size(); at-- > 0;) {
      state = automaton_->step(state, static_cast<uint8_t>(text_[at]), steps);
      states_[at] = state;
    }
  }

  const SpellingAutomaton* automaton_;
  std::string_view text_;
  std::vector<uint32_t> states_;  // one per byte
};

std::vector<SpellingAutomaton::Spelling> long_spellings(const std::vector<std::string>& tokens) {
  std::vector<SpellingAutomaton::Spelling> spellings;
  for (size_t id = 0; id < tokens.size(); id++)
    if (tokens[id].size() > max_hashed_bytes) spellings.push_back({tokens[id], static_cast<int32_t>(id), true});
  return spellings;
}

class SpmTokenizer final : public VocabularyTokenizer {
 public:
  explicit SpmTokenizer(Vocabulary given)
      : VocabularyTokenizer(std::move(given)), long_tokens_(long_spellings(vocabulary().tokens)) {
    const Vocabulary& v = vocabulary();
    if (v.scores.size() != v.tokens.size()) {
      throw Error("text", "scores do not match the tokens", fmt::format("{} scores", v.scores.size()),
                  fmt::format("{}, one per token", v.tokens.size()));
    }
    for (size_t id = 0; id < v.scores.size(); id++) {
      if (std::isnan(v.scores[id]))
        throw Error("text", fmt::format("the score of token {} is not a number", id), "NaN", "a number");
      if (v.types[id] == TokenType::byte && spelled_byte(v.tokens[id]) < 0) {
        throw Error("text", fmt::format("token {} is a byte token but does not spell a byte", id),
                    fmt::format("\"{}\"", v.tokens[id]), "<0x00> to <0xFF>");
      }
    }
    for (const std::string& token : v.tokens) max_token_bytes_ = std::max(max_token_bytes_, token.size());
    for (unsigned byte = 0; byte < 256; byte++) {
      int32_t& id = byte_ids_[byte];
      id = find(fmt::format("<0x{:02X}>", byte));
      if (id < 0) id = find(std::string(1, static_cast<char>(byte)));
      if (id < 0) id = v.unknown;
      if (id < 0) {
        throw Error("text", "the vocabulary cannot represent every text",
                    fmt::format("no token for byte 0x{:02X}", byte), "tokens <0x00> to <0xFF>, or an unknown token");
      }
    }
  }

 private:
  void append(std::string_view text, std::vector<int32_t>& ids, uint64_t* work) const override;
  std::string bytes_of(int32_t id) const override;
  bool has_prefix_space() const override { return vocabulary().add_space_prefix; }

  std::array<int32_t, 256> byte_ids_{};
  size_t max_token_bytes_ = 0;
  SpellingAutomaton long_tokens_;  // of more than max_hashed_bytes
};

void SpmTokenizer::append(std::string_view plain, std::vector<int32_t>& ids, uint64_t* work) const {
  std::string text = vocabulary().add_space_prefix ? std::string(space_mark) : "";
  text += with(plain, " ", space_mark);
  const std::string_view view = text;
  const auto size = narrow<int32_t>(text.size(), "text", "the length of the text in bytes");

  std::vector<Symbol> symbols;
  symbols.reserve(text.size());
  for (int32_t at = 0; at < size;) {
    const int32_t bytes = std::min(static_cast<int32_t>(announced_bytes(text[static_cast<size_t>(at)])), size - at);
    const auto index = narrow<int32_t>(symbols.size());
    symbols.push_back({at, bytes, index - 1, at + bytes < size ? index + 1 : -1});
    at += bytes;
  }
  const auto symbol = [&](int32_t index) -> Symbol& { return symbols[static_cast<size_t>(index)]; };

  uint64_t steps = 0;
  LongTokens long_tokens(long_tokens_, view);
  const auto token_at = [&](size_t at, size_t bytes) {
    if (bytes > max_hashed_bytes) return long_tokens.find(at, bytes, steps);
    steps += bytes;
    return find(view.substr(at, bytes));
  };
  std::vector<Merge> queue;
  const auto consider = [&](int32_t left, int32_t right) {
    if (left < 0 || right < 0) return;
    const int32_t bytes = symbol(left).bytes + symbol(right).bytes;
    if (static_cast<size_t>(bytes) > max_token_bytes_) return;
    const int32_t id = token_at(static_cast<size_t>(symbol(left).at), static_cast<size_t>(bytes));
    if (id < 0) return;
    queue.push_back({vocabulary().scores[static_cast<size_t>(id)], left, right, bytes});
    std::push_heap(queue.begin(), queue.end(), later);
  };
  for (int32_t i = 0; i + 1 < narrow<int32_t>(symbols.size()); i++) consider(i, i + 1);
  while (!queue.empty()) {
    std::pop_heap(queue.begin(), queue.end(), later);
    const Merge best = queue.back();
    queue.pop_back();
    steps++;
    Symbol& left = symbol(best.left);
    Symbol& right = symbol(best.right);
    if (left.bytes == 0 || right.bytes == 0 || left.bytes + right.bytes != best.bytes) continue;
    left.bytes = best.bytes;
    left.next = right.next;
    right.bytes = 0;
    if (left.next >= 0) symbol(left.next).previous = best.left;
    consider(left.previous, best.left);
    consider(best.left, left.next);
  }

  for (int32_t i = 0; i >= 0; i = symbol(i).next) {
    const std::string_view part = view.substr(static_cast<size_t>(symbol(i).at), static_cast<size_t>(symbol(i).bytes));
    const int32_t id = find(part);  // all parts together are the text
    steps += part.size();
    if (id >= 0) {
      ids.push_back(id);
    } else {
      for (const char byte : part) ids.push_back(byte_ids_[static_cast<uint8_t>(byte)]);
    }
  }
  if (work) *work += steps;
}

std::string SpmTokenizer::bytes_of(int32_t id) const {
  if (type_of(id) == TokenType::byte) return std::string(1, static_cast<char>(spelled_byte(text_of(id))));
  return with(text_of(id), space_mark, " ");
}

}  // namespace

std::unique_ptr<Tokenizer> make_spm(Vocabulary vocabulary) {
  return std::make_unique<SpmTokenizer>(std::move(vocabulary));
}

}  // namespace ingot::text
