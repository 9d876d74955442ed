// From the metadata of a model file to a vocabulary: the keys tokenizer.ggml.*, and end tokens known by their spelling.
#pragma once
#include "container/gguf.h"
#include "text/tokenizer.h"

namespace ingot::engine {

/// The vocabulary that `file` carries, with the pre-tokenizer `pre` instead of its own unless that is empty. Errors: a
/// key is missing, has another type, or holds an id or token type that cannot be; `pre` where there is nothing to cut
/// into words. Whether the parts fit together is checked by text::Tokenizer::make.
text::Vocabulary vocabulary_from(const container::Gguf& file, std::string_view pre = {});
/// What of that is a guess, in words for people.
std::vector<std::string> vocabulary_warnings(const container::Gguf& file, std::string_view pre = {});

}  // namespace ingot::engine
