// The messages of a chat, and what a person may do with them. It knows no model.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "json_output.h"

namespace ingot::apps {

struct Message {
  std::string role, content;  ///< "system", "user" or "assistant"; UTF-8
};

class Conversation {
 public:
  const std::vector<Message>& messages() const { return messages_; }
  /// Without a text: removes the system message. An empty one is one: many templates write another where there is none.
  void set_system(const std::optional<std::string>& text);
  void add(const std::string& role, const std::string& content) { messages_.push_back({role, content}); }
  /// Forgets all but the system message.
  void reset();
  /// Takes the last user message back, with all after it, and returns its text; "" when there is none.
  std::string take_back();
  /// How many user messages there are.
  int turns() const;
  /// [{role, content}], without the `left_out` first user messages and what answers them.
  Json json(int left_out = 0) const;
  /// Reads what `json` makes. Errors: Error when it is something else; the conversation is then as before.
  void read(const std::string& text);

 private:
  size_t start_of_turn(int turn) const;
  std::vector<Message> messages_;
};

}  // namespace ingot::apps
