// The messages among a template's variables: the text and role of each, the two shapes of content (a string, or a list
// of {"type": "text", "text": …}), and whether the text appears in the prompt. Strings are tracked by number as
// origins.
#pragma once
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "jinja/value.h"

namespace ingot::jinja {

enum class ContentShape : uint8_t { as_given, string, parts };

class Conversation {
 public:
  /// Looks at `messages`, whose strings have the numbers 1 to `n_strings`, and hands its contents over in `shape`.
  /// Contents that hold more than text stay as they are.
  Conversation(Budget& budget, const Value& messages, uint32_t n_strings, ContentShape shape);
  /// The shape that these messages have not, when there is text in them.
  ContentShape other_shape() const;

  /// How well a prompt renders this conversation.
  enum class Fit : uint8_t {
    whole,
    shows_structure,  // words such as "type", which belong to the shape of the content and not to its text
    lacks_text        // of a message; `left_out` is the first one
  };
  Fit fit(const Text& prompt) const;
  /// "message 2 (user)": of the last `fit`.
  std::string left_out(const Text& prompt) const;

 private:
  struct Message {
    std::string role;
    std::vector<uint32_t> texts;  // what is said, but for white space
  };
  const Message* first_left_out(const std::set<uint32_t>& written) const;
  std::vector<Message> messages_;
  std::set<uint32_t> structure_;
  bool has_strings_ = false, has_parts_ = false;
};

}  // namespace ingot::jinja
