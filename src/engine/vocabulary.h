// From the metadata of a model file to a vocabulary: the keys tokenizer.ggml.*, and end tokens recognized by their
// spelling.
#pragma once
#include "container/gguf.h"
#include "text/tokenizer.h"

namespace ingot::engine {

/// The vocabulary of `file`, with the pre-tokenizer `pre` instead of its own unless that is empty. Errors: a key is
/// missing, has another type, or holds an invalid id or token type; `pre` where words are not cut. Whether the parts
/// fit together is checked by text::Tokenizer::make.
text::Vocabulary vocabulary_from(const container::Gguf& file, std::string_view pre = {});
/// Which parts are guesses, in words for people.
std::vector<std::string> vocabulary_warnings(const container::Gguf& file, std::string_view pre = {});

}  // namespace ingot::engine
