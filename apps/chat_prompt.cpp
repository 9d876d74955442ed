// Messages as JSON, and the local time.
#include "chat_prompt.h"

#include <ctime>

#include "json_output.h"

namespace ingot::apps {

std::string one_turn(const std::optional<std::string>& system, std::string_view user) {
  Json messages = Json::array();
  if (system) messages.push_back({{"role", "system"}, {"content", *system}});
  messages.push_back({{"role", "user"}, {"content", user}});
  return messages.text();
}

ChatPrompt render_chat(const ChatTemplate& chat, std::string_view messages, ChatOptions options) {
  const std::time_t seconds = std::time(nullptr);
  std::tm now{};
  if (localtime_r(&seconds, &now)) options.now = now;
  return chat.render(messages, options);
}

}  // namespace ingot::apps
