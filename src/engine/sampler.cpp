// The door's Sampler: the chain of samplers, told what it needs to know of a model's tokens.
#include "engine/load.h"
#include "sampling/chain.h"

namespace ingot {

struct Sampler::State {
  State(const Tokenizer& tokenizer, int vocab, const SamplingOptions& options)
      : chain({vocab, [=](int32_t id) { return id < tokenizer.vocab() ? tokenizer.piece(id, true) : std::string(); },
               [=](int32_t id) { return id < tokenizer.vocab() && tokenizer.is_end(id); }},
              options) {}
  sampling::Chain chain;
};

Sampler::Sampler(const Model& model, const SamplingOptions& options)
    : state_(std::make_unique<State>(model.tokenizer(), model.info().vocab, options)) {}
Sampler::~Sampler() = default;
Sampler::Sampler(Sampler&&) noexcept = default;
Sampler& Sampler::operator=(Sampler&&) noexcept = default;

int32_t Sampler::choose(const Session& session, std::span<const uint64_t> allowed) {
  return state_->chain.choose(session.logits(), session.tokens(), allowed);
}

bool Sampler::takes_the_best() const { return state_->chain.takes_the_best(); }

}  // namespace ingot
