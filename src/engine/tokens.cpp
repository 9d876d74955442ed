// Tokenizer and text stream of the public API.
#include <algorithm>

#include "base/checked.h"
#include "engine/load.h"
#include "engine/vocabulary.h"

namespace ingot {

std::vector<int32_t> Tokenizer::encode(std::string_view text, bool add_special, bool parse_special) const {
  return state_->tokenizer->encode(text, add_special, parse_special);
}

std::vector<int32_t> Tokenizer::encode(const ChatPrompt& prompt) const {
  const text::Tokenizer& tokenizer = *state_->tokenizer;
  const int32_t bos = tokenizer.vocabulary().bos;
  std::vector<int32_t> ids = tokenizer.encode(prompt.text, false, true, prompt.input);
  if (!tokenizer.vocabulary().add_bos) return ids;
  // The template writes it itself if it is in what the template wrote before the conversation.
  const std::string_view before =
      std::string_view(prompt.text).substr(0, prompt.input.empty() ? std::string_view::npos : prompt.input[0].begin);
  const std::vector<int32_t> written = tokenizer.encode(before, false, true);
  if (std::ranges::find(written, bos) == written.end()) ids.insert(ids.begin(), bos);
  return ids;
}

const std::vector<std::string>& Tokenizer::warnings() const { return state_->warnings; }

Tokenizer::State::State(const container::Gguf& file, std::string_view pre)
    : tokenizer(text::Tokenizer::make(engine::vocabulary_from(file, pre))),
      warnings(engine::vocabulary_warnings(file, pre)) {}

std::string Tokenizer::decode(std::span<const int32_t> ids, bool show_special) const {
  std::string text;
  bool first = true;
  for (int32_t id : ids) {
    text += state_->tokenizer->piece(id, first, show_special);
    first = first && state_->tokenizer->vocabulary().bos == id;
  }
  return text;
}

std::string Tokenizer::piece(int32_t id, bool show_special) const {
  return state_->tokenizer->piece(id, false, show_special);
}
int Tokenizer::vocab() const { return narrow<int>(state_->tokenizer->vocabulary().tokens.size()); }
int32_t Tokenizer::bos() const { return state_->tokenizer->vocabulary().bos; }
int32_t Tokenizer::eos() const { return state_->tokenizer->vocabulary().eos; }
bool Tokenizer::is_eog(int32_t id) const { return state_->tokenizer->is_eog(id); }

std::string TextStream::push(int32_t id) {
  held_ += tokenizer_.piece(id);
  size_t n = text::complete_utf8(held_);
  std::string ready = text::repair_utf8(std::string_view(held_).substr(0, n));
  held_.erase(0, n);
  return ready;
}

std::string TextStream::finish() {
  std::string rest = text::repair_utf8(held_);
  held_.clear();
  return rest;
}

}  // namespace ingot
