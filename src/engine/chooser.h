// From the public options to the chain of samplers that follows them.
#pragma once
#include <memory>

#include "ingot/ingot.h"
#include "sampling/chain.h"

namespace ingot::engine {

/// For a model with `vocab` logits, of which `tokenizer` may know fewer tokens. Errors: an option out of its range, an
/// unknown sampler.
std::unique_ptr<sampling::Chain> make_chain(const Tokenizer& tokenizer, int vocab, const SamplingOptions& options);

}  // namespace ingot::engine
