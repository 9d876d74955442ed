#include "jinja/conversation.h"

#include <fmt/core.h>

#include <algorithm>

#include "jinja/unicode.h"

namespace ingot::jinja {
namespace {

bool is_blank(std::string_view text) {
  for (size_t at = 0; at < text.size();)
    if (!is_space(next_character(text, at))) return false;
  return true;
}

const Value* text_of_part(const Value& part) {
  if (!part.is<DictRef>()) return nullptr;
  const Value *type = part.as<DictRef>()->find("type"), *text = part.as<DictRef>()->find("text");
  return type && type->is_text() && type->bytes() == "text" && text && text->is_text() ? text : nullptr;
}

bool is_parts(const Value& content) {
  return content.is<ListRef>() && !content.as<ListRef>()->items.empty() &&
         std::ranges::all_of(content.as<ListRef>()->items,
                             [](const Value& part) { return text_of_part(part) != nullptr; });
}

Value as_parts(Budget& budget, const Value& string, Origin structure) {
  const auto word = [&](std::string_view text) { return make_text(budget, Text(text, structure)); };
  const auto part = std::make_shared<Dict>(&budget);
  part->set(word("type"), word("text"));
  part->set(word("text"), string);
  return make_list(budget, {part});
}

Value as_string(Budget& budget, const Value& parts) {
  Text all;
  for (const Value& part : parts.as<ListRef>()->items) all.append(text_of_part(part)->text());
  return make_text(budget, std::move(all));
}

/// The numbers of all strings in `content`: of what is said, and of what is how it is said.
void number_strings(const Value& content, std::vector<uint32_t>& said, std::set<uint32_t>& structure) {
  const auto add = [&](const Value& value) {
    value.text().each_part([&](std::string_view bytes, Origin origin) {
      if (origin.is_input() && !is_blank(bytes)) said.push_back(origin.number());
    });
  };
  if (content.is_text()) return add(content);
  if (!content.is<ListRef>()) return;
  for (const Value& part : content.as<ListRef>()->items) {
    if (part.is_text()) add(part);
    const Value* text = text_of_part(part);
    if (!text) continue;
    add(*text);
    for (const auto& [key, value] : part.as<DictRef>()->entries) {
      if (key.is_text()) structure.insert(key.text().origin().number());
      if (value.is_text() && &value != text) structure.insert(value.text().origin().number());
    }
  }
}

}  // namespace

Conversation::Conversation(Budget& budget, const Value& messages, uint32_t n_strings, ContentShape shape) {
  if (!messages.is<ListRef>()) return;
  for (const Value& message : messages.as<ListRef>()->items) {
    messages_.emplace_back();
    if (!message.is<DictRef>()) continue;
    Dict& dict = *message.as<DictRef>();
    if (const Value* role = dict.find("role"); role && role->is_text()) messages_.back().role = role->bytes();
    const Value* content = dict.find("content");
    if (!content) continue;
    has_strings_ = has_strings_ || content->is_text();
    has_parts_ = has_parts_ || is_parts(*content);
    if (shape == ContentShape::parts && content->is_text())
      dict.set(make_text(budget, Words("content")), as_parts(budget, Value(*content), Origin::input(n_strings + 1)));
    if (shape == ContentShape::string && is_parts(*content))
      dict.set(make_text(budget, Words("content")), as_string(budget, Value(*content)));
    number_strings(*dict.find("content"), messages_.back().texts, structure_);
  }
}

ContentShape Conversation::other_shape() const {
  return has_strings_ ? ContentShape::parts : has_parts_ ? ContentShape::string : ContentShape::as_given;
}

const Conversation::Message* Conversation::first_left_out(const std::set<uint32_t>& written) const {
  // What an assistant said before may be left out: templates drop the thoughts of earlier answers.
  const auto lacks = [&](const Message& message) {
    return message.role != "assistant" &&
           !std::ranges::all_of(message.texts, [&](uint32_t number) { return written.contains(number); });
  };
  const auto found = std::ranges::find_if(messages_, lacks);
  return found == messages_.end() ? nullptr : &*found;
}

namespace {

std::set<uint32_t> numbers_in(const Text& prompt) {
  std::set<uint32_t> numbers;
  prompt.each_part([&](std::string_view, Origin origin) {
    if (origin.is_input()) numbers.insert(origin.number());
  });
  return numbers;
}

}  // namespace

Conversation::Fit Conversation::fit(const Text& prompt) const {
  const std::set<uint32_t> written = numbers_in(prompt);
  if (first_left_out(written)) return Fit::lacks_text;
  return std::ranges::any_of(structure_, [&](uint32_t number) { return written.contains(number); })
             ? Fit::shows_structure
             : Fit::whole;
}

std::string Conversation::left_out(const Text& prompt) const {
  const Message* message = first_left_out(numbers_in(prompt));
  return message ? fmt::format("message {} ({})", message - messages_.data() + 1,
                               message->role.empty() ? "no role" : beginning(message->role, 20))
                 : "";
}

}  // namespace ingot::jinja
