// A chat template: Jinja as the makers of models use it, run by an interpreter of ours. It has no access to the
// machine, to files or to the network, and its cost is limited. Independent of models; ChatTemplate of the public API
// passes in what a model has.
#pragma once
#include <ctime>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "jinja/budget.h"
#include "jinja/text.h"

namespace ingot::jinja {

struct Program;
enum class ContentShape : uint8_t;

/// A variable of the template: its name, and its value as JSON.
struct Variable {
  std::string name;
  std::string_view json;
  bool from_input = false;   ///< its strings come from the conversation, not from the model
  bool replaceable = false;  ///< may be named among the further variables
};

class Template {
 public:
  /// Errors: syntax, statements that are not supported, more than 512 KiB of text.
  explicit Template(std::string_view source);
  ~Template();
  Template(Template&&) noexcept;
  Template& operator=(Template&&) noexcept;
  /// What the template writes. `further`: JSON object of further variables, or "". `now`: what strftime_now tells. Safe
  /// to call from several threads. Errors: JSON that cannot be read; what the template does with values that do not
  /// allow it, with the line; limits exceeded; what raise_exception says (room "template").
  Text render(const std::vector<Variable>& variables, std::string_view further, const std::tm& now,
              Spent* spent = nullptr) const;
  /// As `render`, with the contents of `messages` in the shape that the template reads: a string, or a list of {"type":
  /// "text", "text": …}, whichever of the two was given. Errors: also, the prompt does not contain what a message says;
  /// of assistants, templates may leave out what they said before. `left_out`: gets the first such message ("message 1
  /// (user)") instead.
  Text render_conversation(const std::vector<Variable>& variables, std::string_view further, const std::tm& now,
                           std::string* left_out = nullptr) const;

 private:
  struct Rendering;
  Rendering render_as(ContentShape shape, const std::vector<Variable>& variables, std::string_view further,
                      const std::tm& now, Spent* spent) const;
  std::unique_ptr<const Program> program_;
};

}  // namespace ingot::jinja
