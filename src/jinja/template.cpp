// From JSON to variables, then one rendering. Roles belong to the protocol, not to the user: `<|` + role + `|>` is the
// template's own token if the role is a plain word.
#include "jinja/template.h"

#include <fmt/core.h>

#include <algorithm>
#include <exception>
#include <optional>

#include "jinja/conversation.h"
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

void trust_roles(Budget& budget, const Value& messages, Origin trusted) {
  if (!messages.is<ListRef>()) return;
  for (const Value& message : messages.as<ListRef>()->items) {
    if (!message.is<DictRef>()) continue;
    const Value* role = message.as<DictRef>()->find("role");
    if (role && role->is_text() && is_word(role->bytes()))
      message.as<DictRef>()->set(make_text(budget, Words("role")), make_text(budget, Text(role->bytes(), trusted)));
  }
}

}  // namespace

Template::Template(std::string_view source) : program_(parse(source)) {}
Template::~Template() = default;
Template::Template(Template&&) noexcept = default;
Template& Template::operator=(Template&&) noexcept = default;

struct Template::Rendering {
  Text text;
  Conversation conversation;
};

Text Template::render(const std::vector<Variable>& variables, std::string_view further, const std::tm& now,
                      Spent* spent) const {
  return render_as(ContentShape::as_given, variables, further, now, spent).text;
}

Text Template::render_conversation(const std::vector<Variable>& variables, std::string_view further, const std::tm& now,
                                   std::string* left_out) const {
  using Fit = Conversation::Fit;
  std::optional<Rendering> given, other;
  std::exception_ptr trouble;
  ContentShape shape =
      ContentShape::parts;  // where the template has trouble with the messages, what they are is not known
  try {
    given = render_as(ContentShape::as_given, variables, further, now, nullptr);
    if (given->conversation.fit(given->text) == Fit::whole) return std::move(given->text);
    shape = given->conversation.other_shape();
  } catch (const Error&) { trouble = std::current_exception(); }
  for (const ContentShape tried : {shape, ContentShape::string}) {
    if (tried == ContentShape::as_given || (tried != shape && given)) continue;
    try {
      Rendering made = render_as(tried, variables, further, now, nullptr);
      if (!other || made.conversation.fit(made.text) < other->conversation.fit(other->text)) other = std::move(made);
    } catch (const Error&) {}  // the error reported is that of the given shape
  }
  const Fit fit = given ? given->conversation.fit(given->text) : Fit::lacks_text;
  if (other && other->conversation.fit(other->text) < fit) return std::move(other->text);
  if (trouble) std::rethrow_exception(trouble);
  if (fit == Fit::lacks_text) {
    const std::string message = given->conversation.left_out(given->text);
    if (!left_out)
      throw Error("template", fmt::format("the prompt does not contain what {} says", message), "", "",
                  "the chat template leaves it out: take the message out, or use another template (--template)");
    *left_out = message;
  }
  return std::move(given->text);
}

Template::Rendering Template::render_as(ContentShape shape, const std::vector<Variable>& variables,
                                        std::string_view further, const std::tm& now, Spent* spent) const {
  size_t bytes = further.size();
  for (const Variable& variable : variables) bytes += variable.json.size();
  Budget budget(Limits::for_input(bytes));
  struct Teller {  // whatever the end is
    const Budget& budget;
    Spent* spent;
    ~Teller() {
      if (spent) *spent = budget.spent();
    }
  } teller{budget, spent};
  Renderer renderer(*program_, budget, now);
  uint32_t n_strings = 0;
  const auto numbered = [&] { return Origin::input(++n_strings); };
  std::optional<Conversation> conversation;
  for (const Variable& variable : variables) {
    Value value = read_json(
        budget, variable.json, [&] { return variable.from_input ? numbered() : Origin::of_template(); }, variable.name);
    if (variable.name == "messages") {
      trust_roles(budget, value, Origin::of_template());
      conversation.emplace(budget, value, n_strings, shape);
      n_strings++;  // of the shape
    }
    renderer.define(variable.name, std::move(value));
  }
  if (!further.empty()) {
    const Value object = read_json(budget, further, numbered, "the variables");
    if (!object.is<DictRef>())
      throw Error("jinja", "the variables are not a JSON object", described(object), "{\"name\": value}");
    for (const auto& [name, value] : object.as<DictRef>()->entries) {
      const auto own = std::ranges::find(variables, name.bytes(), &Variable::name);
      if (own != variables.end() && !own->replaceable)
        throw Error("jinja", "a variable has a reserved name", beginning(name.bytes()));
      renderer.define(name.bytes(), value);
    }
  }
  Text text = renderer.run();
  if (!conversation) conversation.emplace(budget, Value(None{}), 0, shape);
  return {std::move(text), *std::move(conversation)};
}

}  // namespace ingot::jinja
