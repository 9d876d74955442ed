// Grammars and constraints of the public API.
#include "grammar/constraint.h"

#include "base/checked.h"
#include "engine/load.h"
#include "grammar/gbnf.h"
#include "grammar/json_schema.h"

namespace ingot {

struct Grammar::State {
  std::shared_ptr<const grammar::Rules> rules;
};

namespace {

Grammar make(grammar::Rules (*parse)(std::string_view, grammar::Budget&), std::string_view text) {
  grammar::Budget budget;
  return Grammar(
      std::make_shared<Grammar::State>(Grammar::State{std::make_shared<grammar::Rules>(parse(text, budget))}));
}

}  // namespace

Grammar Grammar::from_gbnf(std::string_view text) { return make(grammar::parse_gbnf, text); }
Grammar Grammar::from_json_schema(std::string_view schema) { return make(grammar::parse_json_schema, schema); }

bool Grammar::matches(std::string_view text) const {
  grammar::Matcher matcher(state_->rules);
  return matcher.accepts(matcher.step(matcher.start(), text));
}

std::shared_ptr<const grammar::VocabularyTrie> Tokenizer::State::trie() const {
  std::call_once(trie_once_, [this] {
    const auto n = narrow<int32_t>(tokenizer->vocabulary().tokens.size());
    std::vector<std::string> pieces;
    std::vector<int32_t> ends;
    for (int32_t id = 0; id < n; id++) {
      pieces.push_back(tokenizer->piece(id, false, false));
      if (tokenizer->is_eog(id)) ends.push_back(id);
    }
    trie_ = std::make_shared<grammar::VocabularyTrie>(std::move(pieces), std::move(ends));
  });
  return trie_;
}

struct Constraint::State {
  grammar::Constraint constraint;
};

Constraint::Constraint(const Grammar& grammar, const Tokenizer& tokenizer)
    : state_(std::make_unique<State>(State{grammar::Constraint(grammar.state_->rules, tokenizer.state_->trie())})) {}
Constraint::~Constraint() = default;
Constraint::Constraint(Constraint&&) noexcept = default;
Constraint& Constraint::operator=(Constraint&&) noexcept = default;
std::span<const uint64_t> Constraint::allowed() { return state_->constraint.allowed(); }
void Constraint::accept(int32_t id) { state_->constraint.accept(id); }
bool Constraint::may_end() const { return state_->constraint.may_end(); }
void Constraint::reset() { state_->constraint.reset(); }

}  // namespace ingot
