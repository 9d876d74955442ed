// From a path to something that runs: file, blueprint, plan and program of one model, kept together.
#pragma once
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "base/printable.h"
#include "container/gguf.h"
#include "container/names.h"
#include "engine/memory.h"
#include "foundry/blueprint.h"
#include "foundry/geometry.h"
#include "grammar/vocabulary_trie.h"
#include "ingot/ingot.h"
#include "plan/backend.h"
#include "text/tokenizer.h"

namespace ingot {

struct Tokenizer::State {
  State(const container::Gguf& file, std::string_view pre);
  std::unique_ptr<text::Tokenizer> tokenizer;
  std::vector<std::string> warnings;
  /// The texts of all tokens as a tree, built when a grammar first asks for it.
  std::shared_ptr<const grammar::VocabularyTrie> trie() const;

 private:
  mutable std::once_flag trie_once_;
  mutable std::shared_ptr<const grammar::VocabularyTrie> trie_;
};

struct Model::State {
  explicit State(container::Gguf f) : file(std::move(f)) {}
  container::Gguf file;
  plan::Plan plan;
  PlanInfo explained;
  ModelInfo info;
  std::shared_ptr<const Tokenizer::State> tokenizer_state;
  Tokenizer tokenizer{nullptr};
  std::unique_ptr<plan::Program> program;  // after `file`, which it reads
  std::optional<engine::Memory> memory;    // of the program
  /// See engine::fingerprint; computed once.
  uint64_t fingerprint() const;

 private:
  mutable std::once_flag fingerprint_once_;
  mutable uint64_t fingerprint_ = 0;
};

namespace engine {

/// What Model::load loads.
std::shared_ptr<Model::State> load(const std::string& path, const LoadOptions& options);
/// The chat template of `file`: tokenizer.chat_template, and tokenizer.chat_template.tool_use for conversations with
/// tools where there is one. Errors: there is none.
ChatTemplate chat_template_of(const container::Gguf& file, const Tokenizer& tokenizer);
/// Calls `f`. An Error that it throws is rethrown with the file's name, unless it already has it.
template <class F> auto naming(const std::string& path, F f) -> decltype(f()) {
  try {
    return f();
  } catch (const Error& e) {
    if (std::string_view(e.what()).find(printable(path, SIZE_MAX)) != std::string_view::npos) throw;
    throw e.in_file(path);
  }
}
/// The text of an informational key; "" where there is none, or a value of another type.
std::string information(const container::Gguf& file, std::string_view key);
/// The part of the options that is the backend's.
plan::Options backend_options(const LoadOptions& options);

}  // namespace engine
}  // namespace ingot
