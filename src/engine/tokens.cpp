// Tokenizer and text stream of the public door.
#include "engine/load.h"

namespace ingot {

std::vector<int32_t> Tokenizer::encode(std::string_view text, bool add_special, bool parse_special) const {
  return state_->tokenizer->encode(text, add_special, parse_special);
}

std::vector<int32_t> Tokenizer::encode(const ChatPrompt& prompt) const {
  const text::Vocabulary& vocabulary = state_->tokenizer->vocabulary();
  std::vector<int32_t> ids = state_->tokenizer->encode(prompt.text, false, true, prompt.input);
  if (vocabulary.add_bos && (ids.empty() || ids[0] != vocabulary.bos)) ids.insert(ids.begin(), vocabulary.bos);
  return ids;
}

std::string Tokenizer::decode(std::span<const int32_t> ids, bool show_special) const {
  std::string text;
  bool first = true;
  for (int32_t id : ids) {
    text += state_->tokenizer->piece(id, first, show_special);
    first = first && state_->tokenizer->vocabulary().bos == id;
  }
  return text;
}

std::string Tokenizer::piece(int32_t id, bool show_special) const { return state_->tokenizer->piece(id, false, show_special); }
int Tokenizer::vocab() const { return static_cast<int>(state_->tokenizer->vocabulary().tokens.size()); }
int32_t Tokenizer::bos() const { return state_->tokenizer->vocabulary().bos; }
int32_t Tokenizer::eos() const { return state_->tokenizer->vocabulary().eos; }
bool Tokenizer::is_end(int32_t id) const { return state_->tokenizer->is_end(id); }

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
