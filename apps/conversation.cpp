// A list of messages; a turn is a user message with what follows it.
#include "conversation.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "ingot/error.h"

namespace ingot::apps {
namespace {

bool is_user(const Message& m) { return m.role == "user"; }
bool is_system(const Message& m) { return m.role == "system"; }

Message message_from(const nlohmann::json& json, size_t at) {
  auto refuse = [&](const std::string& got) {
    throw Error("chat", fmt::format("message {} cannot be part of a saved chat", at + 1), got,
                "a role (system, user or assistant) and a content, both text");
  };
  if (!json.is_object()) refuse(json.type_name());
  for (const auto& entry : json.items())
    if (entry.key() != "role" && entry.key() != "content") refuse("'" + entry.key() + "'");
  for (const char* key : {"role", "content"})
    if (!json.contains(key) || !json[key].is_string())
      refuse(json.contains(key) ? fmt::format("a {} of type {}", key, json[key].type_name())
                                : fmt::format("no {}", key));
  Message m{json["role"], json["content"]};
  if (m.role != "system" && m.role != "user" && m.role != "assistant") refuse("role '" + m.role + "'");
  if (is_system(m) && at > 0) refuse("a system message after others");
  return m;
}

}  // namespace

void Conversation::set_system(const std::optional<std::string>& text) {
  std::erase_if(messages_, is_system);
  if (text) messages_.insert(messages_.begin(), {"system", *text});
}

void Conversation::reset() {
  std::erase_if(messages_, [](const Message& m) { return !is_system(m); });
}

std::string Conversation::take_back() {
  auto last = std::find_if(messages_.rbegin(), messages_.rend(), is_user);
  if (last == messages_.rend()) return "";
  std::string text = last->content;
  messages_.erase(std::prev(last.base()), messages_.end());
  return text;
}

int Conversation::turns() const { return static_cast<int>(std::ranges::count_if(messages_, is_user)); }

size_t Conversation::start_of_turn(int turn) const {
  for (size_t i = 0; i < messages_.size(); i++)
    if (is_user(messages_[i]) && turn-- == 0) return i;
  return messages_.size();
}

Json Conversation::json(int left_out) const {
  Json list = Json::array();
  for (size_t i = 0, start = left_out > 0 ? start_of_turn(left_out) : 0; i < messages_.size(); i++)
    if (i >= start || is_system(messages_[i]))
      list.push_back({{"role", messages_[i].role}, {"content", messages_[i].content}});
  return list;
}

void Conversation::read(const std::string& text) {
  nlohmann::json json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_array())
    throw Error("chat", "not a saved chat", json.is_discarded() ? "not JSON" : json.type_name(),
                "a JSON array of messages, as /save writes it");
  std::vector<Message> read;
  for (size_t i = 0; i < json.size(); i++) read.push_back(message_from(json[i], i));
  messages_ = std::move(read);
}

}  // namespace ingot::apps
