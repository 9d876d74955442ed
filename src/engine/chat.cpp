// Chat templates of the public API: what a model file contains, what a template is given, and the prompt that it
// writes.
#include "engine/load.h"
#include "jinja/template.h"

namespace ingot {

struct ChatTemplate::State {
  std::string source;
  jinja::Template plain;
  std::optional<jinja::Template> with_tools;  // for conversations with tools
  std::string bos, eos;                       // as JSON; "": the vocabulary has none
};

namespace {

/// A JSON string; invalid UTF-8 becomes U+FFFD.
std::string json_string(std::string_view text) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string json = "\"";
  for (const char c : text::repair_utf8(text)) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\')
      (json += '\\') += c;
    else if (byte < 0x20)
      ((json += "\\u00") += digits[byte >> 4]) += digits[byte & 15];
    else
      json += c;
  }
  return json += '"';
}

std::shared_ptr<const ChatTemplate::State> make_state(std::string_view source,
                                                      std::optional<std::string_view> for_tools,
                                                      const Tokenizer& tokenizer) {
  const auto spelled = [&](int32_t id) { return id < 0 ? std::string() : json_string(tokenizer.piece(id, true)); };
  std::optional<jinja::Template> with_tools;
  if (for_tools) with_tools.emplace(*for_tools);
  return std::make_shared<ChatTemplate::State>(ChatTemplate::State{std::string(source), jinja::Template(source),
                                                                   std::move(with_tools), spelled(tokenizer.bos()),
                                                                   spelled(tokenizer.eos())});
}

std::tm utc_now() {
  const std::time_t seconds = std::time(nullptr);
  std::tm now{};
  gmtime_r(&seconds, &now);
  return now;
}

}  // namespace

ChatTemplate::ChatTemplate(std::string_view source, const Tokenizer& tokenizer)
    : state_(make_state(source, std::nullopt, tokenizer)) {}

const std::string& ChatTemplate::source() const { return state_->source; }

ChatPrompt ChatTemplate::render(std::string_view messages, const ChatOptions& options) const {
  std::vector<jinja::Variable> variables = {
      {"messages", messages, true},
      {"tools", options.tools.empty() ? "null" : std::string_view(options.tools), true},
      {"documents", "null", true, true},
      {"add_generation_prompt", options.add_generation_prompt ? "true" : "false"}};
  if (!state_->bos.empty()) variables.push_back({"bos_token", state_->bos});
  if (!state_->eos.empty()) variables.push_back({"eos_token", state_->eos});
  const jinja::Template& chosen = !options.tools.empty() && state_->with_tools ? *state_->with_tools : state_->plain;
  ChatPrompt prompt;
  const jinja::Text text = chosen.render_conversation(variables, options.variables, options.now.value_or(utc_now()),
                                                      options.may_leave_out ? &prompt.left_out : nullptr);
  prompt.text = text.bytes();
  for (const jinja::Span& span : text.input()) prompt.input.push_back({span.begin, span.end});
  return prompt;
}

ChatTemplate load_chat_template(const std::string& path) {
  return engine::chat_template_of(container::Gguf::open(path, foundry::geometry_of), load_tokenizer(path));
}

namespace engine {

ChatTemplate chat_template_of(const container::Gguf& file, const Tokenizer& tokenizer) {
  const auto source = file.find_string("tokenizer.chat_template");
  if (!source || source->empty())
    throw Error("engine", "the model has no chat template", "", "", "give it plain text to complete");
  return ChatTemplate(make_state(*source, file.find_string("tokenizer.chat_template.tool_use"), tokenizer));
}

}  // namespace engine
}  // namespace ingot
