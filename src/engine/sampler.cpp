// The public Sampler: the chain of samplers, and what it needs to know about a model's tokens.
#include "engine/chooser.h"
#include "engine/load.h"

namespace ingot {

namespace engine {

std::unique_ptr<sampling::Chain> make_chain(const Tokenizer& tokenizer, int vocab, const SamplingOptions& options) {
  return std::make_unique<sampling::Chain>(
      sampling::Tokens{vocab,
                       [=](int32_t id) { return id < tokenizer.vocab() ? tokenizer.piece(id, true) : std::string(); },
                       [=](int32_t id) { return id < tokenizer.vocab() && tokenizer.is_eog(id); }},
      options);
}

}  // namespace engine

struct Sampler::State {
  std::unique_ptr<sampling::Chain> chain;
};

Sampler::Sampler(const Model& model, const SamplingOptions& options)
    : state_(std::make_unique<State>(State{engine::make_chain(model.tokenizer(), model.info().vocab, options)})) {}
Sampler::~Sampler() = default;
Sampler::Sampler(Sampler&&) noexcept = default;
Sampler& Sampler::operator=(Sampler&&) noexcept = default;

int32_t Sampler::choose(std::span<const int32_t> tokens, std::span<const float> logits,
                        std::span<const uint64_t> allowed) {
  return state_->chain->choose(logits, tokens, allowed);
}

bool Sampler::is_greedy() const { return state_->chain->is_greedy(); }

}  // namespace ingot
