// Functions that every template may call: those of jinja2 and those that chat templates add.
#include <fmt/core.h>

#include <algorithm>

#include "jinja/renderer.h"
#include "jinja/unicode.h"

namespace ingot::jinja {
namespace {

constexpr int64_t longest_range = 100'000;  // jinja2's sandbox has the same limit
constexpr size_t longest_message = 512;     // characters of what raise_exception says

Value range(Renderer& r, const Arguments& a) {
  const Bound b(r, "range", a, {"start", "stop", "step"}, 1);
  const int64_t start = b[1] ? b.integer(0, 0) : 0, stop = b[1] ? b.integer(1, 0) : b.integer(0, 0),
                step = b.integer(2, 1);
  if (step == 0) r.fail("range has the step 0");
  std::vector<Value> values;
  for (int64_t at = start; step > 0 ? at < stop : at > stop;) {
    if (static_cast<int64_t>(values.size()) == longest_range)
      r.fail("a range is too long", "", fmt::format("at most {} numbers", longest_range));
    values.push_back(at);
    if (__builtin_add_overflow(at, step, &at)) break;
  }
  return r.list(std::move(values), ListKind::range);
}

/// Entries of one dict and of named arguments, into `made`.
void fill(Renderer& r, Dict& made, const Arguments& a, const char* callee) {
  const Arguments positional{a.positional, {}};
  const Bound b(r, callee, positional, {"mapping"});
  if (b[0] && b[0]->is<DictRef>()) {
    for (const auto& [key, value] : b[0]->as<DictRef>()->entries) made.set(key, value);
  } else if (b[0]) {
    const ListRef pairs = r.elements(*b[0]);
    for (const Value& pair : pairs->items) {
      const ListRef both = r.elements(pair);
      if (both->items.size() != 2) r.fail("a dict must be made of pairs");
      made.set(both->items[0], both->items[1]);
    }
  }
  for (const auto& [name, value] : a.named) made.set(r.text(name), value);
}

Value dict(Renderer& r, const Arguments& a) {
  const DictRef made = r.dict();
  fill(r, *made, a, "dict");
  return made;
}

Value make_namespace(Renderer& r, const Arguments& a) {
  const NamespaceRef made = r.make_namespace();
  fill(r, *made, a, "namespace");
  return made;
}

int depth_of_all(const std::vector<Value>& values) {
  int depth = 0;
  for (const Value& value : values) depth = std::max(depth, depth_of(value));
  return depth + 1;
}

/// cycler("a", "b"): next(), reset() and current walk around its values.
class Cycler : public Callable, public std::enable_shared_from_this<Cycler> {
 public:
  Cycler(Renderer& r, std::vector<Value> values)
      : Callable(&r.budget, "cycler", depth_of_all(values)), values_(std::move(values)) {}
  Value call(Renderer& r, const Arguments&) override { r.fail("a cycler cannot be called", "", "", "call its next()"); }
  std::optional<Value> attribute(Renderer& r, std::string_view name) override {
    if (name == "current") return values_[at_];
    if (name != "next" && name != "reset") return std::nullopt;
    const auto walk = [self = shared_from_this(), resets = name == "reset"](Renderer&, const Arguments&) -> Value {
      if (resets) return self->at_ = 0, None{};
      const size_t now = std::exchange(self->at_, (self->at_ + 1) % self->values_.size());
      return self->values_[now];
    };
    return Value(std::make_shared<Function>(&r.budget, std::string(name), walk, depth()));
  }

 private:
  std::vector<Value> values_;
  size_t at_ = 0;
};

Value cycler(Renderer& r, const Arguments& a) {
  if (a.positional.empty() || !a.named.empty()) r.fail("a cycler is made of one value or more");
  const Value values = r.list(a.positional);
  return Value(CallableRef(std::make_shared<Cycler>(r, values.as<ListRef>()->items)));
}

/// joiner(", "): nothing at first, the separator ever after.
Value joiner(Renderer& r, const Arguments& a) {
  const Bound b(r, "joiner", a, {"sep"});
  const Value separator = b[0] ? *b[0] : r.text(Words(", "));
  const auto used = std::make_shared<bool>(false);
  return Value(std::make_shared<Function>(
      &r.budget, "joiner",
      [separator, used](Renderer& inside, const Arguments&) {
        return std::exchange(*used, true) ? separator : inside.text(Text());
      },
      depth_of(separator) + 1));
}

Value raise_exception(Renderer& r, const Arguments& a) {
  const Bound b(r, "raise_exception", a, {"message"}, 1);
  const std::string message = to_text(*b[0], r.budget).bytes();
  throw Error("template", message.substr(0, byte_of_character(message, longest_message)), "", "",
              fmt::format("the model's chat template refuses this conversation (line {})", r.budget.line));
}

Value strftime_now(Renderer& r, const Arguments& a) {
  const Bound b(r, "strftime_now", a, {"format"}, 1);
  const std::string& format = b.text(0).bytes();
  constexpr size_t longest = 1000;
  if (format.size() > longest)
    r.fail("the format of a date is too long", fmt::format("{} bytes", format.size()),
           fmt::format("at most {}", longest));
  for (size_t at = 0; (at = format.find('%', at)) != std::string::npos; at += 2)
    if (at + 1 == format.size() ||
        std::string_view("aAbBcdDeFHIjmMnpRStTuUVwWxXyYZz%").find(format[at + 1]) == std::string_view::npos)
      r.fail("the format of a date is not supported", format.substr(at, 2),
             "% and one of a A b B c d D e F H I j m M n p R S t T u U V w W x X y Y Z z");
  std::string text(64 + 32 * format.size(), '\0');
  text.resize(std::strftime(text.data(), text.size(), format.c_str(), &r.now));
  return r.text(Text(text, b.text(0).origin()));
}

constexpr std::pair<const char*, Value (*)(Renderer&, const Arguments&)> functions[] = {
    {"range", range},
    {"dict", dict},
    {"namespace", make_namespace},
    {"cycler", cycler},
    {"joiner", joiner},
    {"raise_exception", raise_exception},
    {"strftime_now", strftime_now},
};

}  // namespace

std::vector<std::string_view> function_names() {
  std::vector<std::string_view> names;
  for (const auto& [name, function] : functions) names.push_back(name);
  return names;
}

void define_functions(Renderer& r) {
  for (const auto& [name, function] : functions)
    if (r.program.find(name) >= 0) r.define(name, Value(std::make_shared<Function>(&r.budget, name, function)));
}

}  // namespace ingot::jinja
