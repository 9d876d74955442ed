// From JSON to variables, then one rendering. Roles are words of the protocol and not of a user: `<|` + role + `|>` is the template's
// own token, as long as the role reads as a plain word.
#include "jinja/template.h"

#include <algorithm>

#include "jinja/json.h"
#include "jinja/renderer.h"
#include "jinja/unicode.h"

namespace ingot::jinja {
namespace {

bool is_word(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  });
}

void trust_roles(Budget& budget, const Value& messages) {
  if (!messages.is<ListRef>()) return;
  for (const Value& message : messages.as<ListRef>()->items) {
    if (!message.is<DictRef>()) continue;
    const Value* role = message.as<DictRef>()->find("role");
    if (role && role->is_text() && is_word(role->bytes()))
      message.as<DictRef>()->set(make_text(budget, "role"), make_text(budget, role->bytes()));
  }
}

}  // namespace

Template::Template(std::string_view source) : program_(parse(source)) {}
Template::~Template() = default;
Template::Template(Template&&) noexcept = default;
Template& Template::operator=(Template&&) noexcept = default;

Text Template::render(const std::vector<Variable>& variables, std::string_view further, const std::tm& now) const {
  size_t bytes = further.size();
  for (const Variable& variable : variables) bytes += variable.json.size();
  Budget budget(Limits::for_input(bytes));
  Renderer renderer(*program_, budget, now);
  for (const Variable& variable : variables) {
    Value value = read_json(budget, variable.json, variable.from_input, variable.name);
    if (variable.name == "messages") trust_roles(budget, value);
    renderer.define(variable.name, std::move(value));
  }
  if (!further.empty()) {
    const Value object = read_json(budget, further, true, "the variables");
    if (!object.is<DictRef>()) throw Error("jinja", "the variables are no JSON object", described(object), "{\"name\": value}");
    for (const auto& [name, value] : object.as<DictRef>()->entries) {
      const auto own = std::ranges::find(variables, name.bytes(), &Variable::name);
      if (own != variables.end() && !own->replaceable) throw Error("jinja", "a variable has a name that is taken", beginning(name.bytes()));
      renderer.define(name.bytes(), value);
    }
  }
  return renderer.run();
}

}  // namespace ingot::jinja
