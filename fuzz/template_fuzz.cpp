// Fuzzes chat templates: any template, over a fixed conversation, gives a text or an ingot::Error; the text is UTF-8,
// within its limit, and says rightly which parts came from the conversation; the same template gives the same again.
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>

#include "ingot/error.h"
#include "jinja/budget.h"
#include "jinja/template.h"
#include "jinja/unicode.h"

namespace {

using namespace ingot::jinja;

constexpr std::string_view messages =
    R"([{"role": "system", "content": "S €"}, {"role": "user", "content": "a b\nc", "name": "u"},
  {"role": "assistant", "content": null, "tool_calls": [{"type": "function", "function": {"name": "f", "arguments": {"x": 1, "y": [2.5, true]}}}]},
  {"role": "tool", "content": "{\"r\": 1}", "tool_call_id": "1"}, {"role": "user", "content": ""}])";
constexpr std::string_view tools =
    R"([{"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {"x": {"type": "integer"}}}}}])";

std::optional<Text> render(std::string_view source) {
  std::tm now{};
  now.tm_year = 124;
  now.tm_mday = 9;
  try {
    return Template(source).render({{"messages", messages, true},
                                    {"tools", tools, true},
                                    {"n", "3"},
                                    {"f", "-0.5"},
                                    {"bos_token", "\"<s>\""},
                                    {"add_generation_prompt", "true"}},
                                   "", now);
  } catch (const ingot::Error& e) {
    if (!is_utf8(e.what())) std::abort();
    return std::nullopt;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view source(reinterpret_cast<const char*>(data), size);
  const std::optional<Text> text = render(source);
  if (!text) return 0;
  if (!is_utf8(text->bytes()) || text->size() > Limits::for_input(messages.size() + tools.size() + 100).text_bytes)
    std::abort();
  size_t end = 0;
  for (size_t i = 0; i < text->input().size(); i++) {
    const Span span = text->input()[i];
    if (span.begin >= span.end || span.end > text->size() || (i > 0 && span.begin <= end) || span.begin < end)
      std::abort();
    end = span.end;
  }
  const std::optional<Text> again = render(source);
  if (!again || again->bytes() != text->bytes() || again->input() != text->input()) std::abort();
  return 0;
}
