// Whatever a template does with the words of a conversation, they stay marked as such: every filter, method and
// function that there is, with every kind of argument. The signs below stand in the conversation only, so that each one
// in a prompt has to be marked.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "ingot/error.h"
#include "jinja/renderer.h"
#include "jinja/template.h"

namespace ingot::jinja {
namespace {

constexpr std::string_view signs[] = {"|", "\u00ab", "\u00bb", "\u03bb", "\u039b"};

/// What a user may say: text, and what reads as patterns, JSON, lists or numbers to those who look for them.
const char* const contents[] = {
    "\u00ab|\u03bb\u00bb",
    "{:|<5}{:\u00ab>4}{:\u00bb^3}{0:|=5}",
    "%s|%5s\u00ab%%",
    R"(["\u00ab|", {"|": "\u00bb|"}])",
    "\u00ab \u00bb|\n|\u00ab",
    "\u00ab|%Y|\u00bb",
    "|1|",
};

/// The signs in `text` that are not marked, with what is around them.
std::string unmarked(const Text& text) {
  std::string found;
  text.each_part([&](std::string_view part, Origin origin) {
    if (origin.is_input()) return;
    for (const std::string_view sign : signs)
      if (part.find(sign) != std::string_view::npos) found = part;
  });
  return found;
}

class Rendering {
 public:
  explicit Rendering(std::string_view content) {
    const nlohmann::json said = content;
    messages_ = nlohmann::json({{{"role", "user"},
                                 {"content", said},
                                 {"list", {said, "ab", said}},
                                 {"dict", {{content, said}, {"ab", said}}}}})
                    .dump();
  }
  /// Tries `expression` as it is written, as a list and as JSON.
  void expect_marked(const std::string& expression) {
    for (const char* form : {"{{{{ {} }}}}", "{{{{ ({})|list }}}}", "{{{{ ({})|tojson }}}}"}) {
      const std::string source =
          "{% set c = messages[0].content %}{% set l = messages[0].list %}{% set d = messages[0].dict %}" +
          fmt::format(fmt::runtime(form), expression);
      try {
        n_tried++;
        const Text text = Template(source).render({{"messages", messages_, true}}, "", std::tm{});
        n_rendered++;
        EXPECT_EQ(unmarked(text), "") << expression << " of " << messages_;
        n_marked += !text.input().empty();
      } catch (const Error&) {}  // it does not go with these arguments
    }
  }
  static inline size_t n_tried = 0, n_rendered = 0, n_marked = 0;

 private:
  std::string messages_;
};

/// Lists of arguments: none, one, two, and three of the few that take as many.
std::vector<std::string> argument_lists() {
  const std::vector<std::string> values = {"c", "'ab'", "3", "d"};
  std::vector<std::string> lists = {"",        "l",          "l, c",           "**d",
                                    "*l",      "c, **d",     "3, 'ab', c",     "'a', c, 1",
                                    "c, c, c", "7, true, c", "'attribute', c", "separators=(c, c)",
                                    "indent=c"};
  for (const std::string& a : values) {
    lists.push_back(a);
    for (const std::string& b : values) lists.push_back(a + ", " + b);
  }
  return lists;
}

TEST(Origin, EveryFilterMethodAndFunctionKeepsIt) {
  const std::vector<std::string> arguments = argument_lists();
  for (const char* content : contents) {
    Rendering r(content);
    for (const std::string& list : arguments) {
      for (const std::string_view name : filter_names())
        for (const char* input : {"c", "l", "d", "'ab%s{:>3}'", "('ab' ~ c ~ 'ab')"})
          r.expect_marked(fmt::format("{}|{}({})", input, name, list));
      for (const std::string_view name : method_names())
        for (const char* self : {"c", "l", "d", "'ab%s{:>3}{0}'", "('ab' ~ c)"})
          r.expect_marked(fmt::format("{}.{}({})", self, name, list));
      for (const std::string_view name : function_names()) {
        r.expect_marked(fmt::format("{}({})", name, list));
        r.expect_marked(fmt::format("{}({}).next()", name, list));
        r.expect_marked(fmt::format("dict({}({}))", name, list));
      }
    }
  }
  EXPECT_GT(Rendering::n_rendered, Rendering::n_tried / 20);
  EXPECT_GT(Rendering::n_marked, Rendering::n_rendered / 4);
}

TEST(Origin, EveryOperatorAndStatementKeepsIt) {
  const std::vector<std::string> values = {"c", "'ab'", "3", "l", "d", "'%s|'[:2]", "('a' ~ c)"};
  const std::string macro = "{% macro m(a, b='x') %}{{ a }}{{ b }}{{ varargs }}{{ kwargs }}{% endmacro %}";
  for (const char* content : contents) {
    Rendering r(content);
    for (const std::string& a : values) {
      for (const std::string& b : values)
        for (const char* op : {"+", "-", "*", "/", "//", "%", "**", "~", "and", "or"})
          r.expect_marked(fmt::format("{} {} {}", a, op, b));
      for (const char* part : {"[0]", "[-1]", "[1:]", "[::-1]", "[:3]", "['ab']", "[c]"}) r.expect_marked(a + part);
      r.expect_marked(fmt::format("[{0}, ({0}, ), {{'k': {0}}}]", a));
      r.expect_marked(fmt::format("{{{0}: 1}}", a));
      r.expect_marked(fmt::format("({0} if {0} else 'ab')", a));
    }
    const std::string said = nlohmann::json(content).dump();
    const std::string messages =
        "[{\"content\": " + said + ", \"dict\": {" + said + ": " + said + ", \"b\": " + said + "}}]";
    for (const char* source :
         {"{% macro m(a='', b='x') %}{{ a }}{{ b }}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m(**messages[0].dict) "
          "}}{{ m(c, c, c) }}",
          "{% macro m() %}{{ caller(messages[0].content) }}{% endmacro %}{% call(x) m() %}{{ x }}{% endcall %}",
          "{% filter upper %}{{ messages[0].content }}{% endfilter %}",
          "{% set x %}{{ messages[0].content }}{% endset %}{{ x|tojson }}",
          "{% for k, v in messages[0].dict.items() %}{{ loop.changed(k) }}{{ k ~ v }}{{ loop.cycle(k, v) }}{% endfor "
          "%}",
          "{% with x = messages[0].content %}{{ x }}{% endwith %}",
          "{% set ns = namespace(**messages[0].dict) %}{{ ns.b }}",
          "{% for c in messages[0].content %}{{ c }}{% endfor %}",
          "{{ messages }}{{ messages|tojson(indent=2) }}{{ messages|string|upper }}", "{{ dict(**messages[0].dict) }}",
          "{% set _ = messages[0].dict.update(**messages[0].dict) %}{{ messages }}"}) {
      try {
        const Text text = Template(source).render({{"messages", messages, true}}, "", std::tm{});
        EXPECT_EQ(unmarked(text), "") << source << content;
      } catch (const Error& e) { EXPECT_EQ(std::string(e.what()).find("[jinja]"), 0u) << source << e.what(); }
    }
  }
}

std::string conversation(std::string_view source, std::string_view messages, std::string_view tools = "null") {
  try {
    const Text text =
        Template(source).render_conversation({{"messages", messages, true}, {"tools", tools, true}}, "", std::tm{});
    std::string marked;
    text.each_part([&](std::string_view part, Origin origin) {
      marked += origin.is_input() ? fmt::format("[{}]", part) : std::string(part);
    });
    return marked;
  } catch (const Error& e) { return e.what(); }
}

constexpr std::string_view reads_strings = "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}";
constexpr std::string_view reads_strings_strictly =
    "{% for m in messages %}<{{ m.role }}>{{ m.content.strip() }}{% endfor %}";
constexpr std::string_view reads_parts =
    "{% for m in messages %}<{{ m.role }}>{% for p in m.content %}{% if p.type == 'text' %}{{ p.text }}{% endif %}{% "
    "endfor %}{% endfor %}";
constexpr std::string_view reads_parts_strictly =
    "{% for m in messages %}<{{ m.role }}>{{ m.content[0]['text'] + '' }}{% endfor %}";
constexpr std::string_view reads_both =
    "{% for m in messages %}<{{ m.role }}>{% if m.content is string %}{{ m.content }}{% else %}{% for p in m.content "
    "%}{{ p.text }}{% endfor %}{% endif %}{% endfor %}";
constexpr std::string_view string =
    R"([{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}])";
constexpr std::string_view parts =
    R"([{"role": "system", "content": [{"type": "text", "text": "Be brief."}]}, {"role": "user", "content": [{"type": "text", "text": "Hi"}]}])";

TEST(Conversations, ContentsComeInTheShapeThatTheTemplateReads) {
  for (const std::string_view source :
       {reads_strings, reads_strings_strictly, reads_parts, reads_parts_strictly, reads_both})
    for (const std::string_view messages : {string, parts})
      EXPECT_EQ(conversation(source, messages), "<system>[Be brief.]<user>[Hi]") << source << messages;
  EXPECT_EQ(
      conversation(reads_strings,
                   R"([{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}])"),
      "<user>[a][b]");
}

TEST(Conversations, NothingThatIsSaidVanishes) {
  const auto says = [](std::string_view source, std::string_view messages) {
    return conversation(source, messages).substr(0, 60);
  };
  EXPECT_EQ(conversation("Hello", string),
            "[template] the prompt does not contain what message 1 (system) says; the chat template leaves it out: "
            "take the message out, or "
            "use another template (--template)");
  EXPECT_EQ(says("{{ messages[1].content }}", string), "[template] the prompt does not contain what message 1 (syste");
  EXPECT_EQ(says("{{ messages[0].content }}", string), "[template] the prompt does not contain what message 2 (user)");
  EXPECT_EQ(
      says("{{ messages[0].content }}", R"([{"role": "user", "content": "Hi"}, {"role": "tool", "content": "42"}])"),
      "[template] the prompt does not contain what message 2 (tool)");
  EXPECT_EQ(says("{{ messages[0].content[0].text }}",
                 R"([{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}])"),
            "[template] the prompt does not contain what message 1 (user)");
  std::string left_out;
  const std::vector<Variable> variables = {{"messages", string, true}};
  EXPECT_EQ(Template("Hello").render_conversation(variables, "", std::tm{}, &left_out).bytes(), "Hello");
  EXPECT_EQ(left_out, "message 1 (system)");
  // What assistants said may be left out, and so may nothing; what is changed is still there.
  EXPECT_EQ(conversation("{{ messages[0].content|upper|tojson }}",
                         R"([{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "x"}])"),
            "\"[HI]\"");
  EXPECT_EQ(conversation("<{{ messages[0].content }}>",
                         R"([{"role": "user", "content": " \n"}, {"role": "user", "content": ""}, {"role": "user"}])"),
            "<[ \n]>");
  EXPECT_EQ(
      conversation("a", R"([{"role": "user", "content": null}, {"role": "user", "content": [{"type": "image"}]}, 7])"),
      "a");
  // A template that refuses or fails says so for the messages that it was given.
  EXPECT_EQ(conversation("{{ raise_exception('No.') }}", string).substr(0, 14), "[template] No.");
  EXPECT_EQ(conversation("{{ messages[0].content.nothing.at }}", string), "[jinja] line 1: 'nothing' is undefined");
}

}  // namespace
}  // namespace ingot::jinja
