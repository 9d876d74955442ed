// How the commands hand a conversation to a model: as the model's own chat template writes it.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "ingot/ingot.h"

namespace ingot::apps {

/// JSON messages of one turn of a user, after a system message where there is one. An empty one is one: many templates
/// write another where there is none.
std::string one_turn(const std::optional<std::string>& system, std::string_view user);
/// `messages` as the template writes them now, in local time.
ChatPrompt render_chat(const ChatTemplate& chat, std::string_view messages, ChatOptions options = {});

}  // namespace ingot::apps
