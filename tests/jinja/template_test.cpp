// What the comparison with jinja2 cannot show: which parts of a text come from the conversation, what errors say, and
// limits.
#include "jinja/template.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <thread>

#include "ingot/error.h"
#include "jinja/budget.h"
#include "jinja/unicode.h"

namespace ingot::jinja {
namespace {

const std::tm noon{};

Text render(std::string_view source, std::string_view content = "\"uSer tExt\"") {
  const std::string messages = "[{\"role\": \"user\", \"content\": " + std::string(content) + "}]";
  return Template(source).render({{"messages", messages, true}, {"bos_token", "\"<s>\""}}, "", noon);
}

/// The text with what came from the conversation in braces.
std::string marked(std::string_view source, std::string_view content = "\"uSer tExt\"") {
  std::string out;
  render(source, content).each_part([&](std::string_view part, Origin origin) {
    out += origin.is_input() ? fmt::format("{{{}}}", part) : std::string(part);
  });
  return out;
}

std::string error_of(std::string_view source, std::string_view further = "") {
  try {
    Template(source).render({{"messages", "[]", true}}, further, noon);
    return "none";
  } catch (const Error& e) { return e.what(); }
}

TEST(Origin, FollowsATextThroughEverything) {
  const std::string set = "{% set c = messages[0].content %}";
  const auto says = [&](const char* expression, const char* expected) {
    EXPECT_EQ(marked(set + "{{ " + expression + " }}"), expected) << expression;
  };
  says("c", "{uSer tExt}");
  says("'<' + c + '>'", "<{uSer tExt}>");
  says("'<' ~ c ~ bos_token", "<{uSer tExt}<s>");
  says("c[1:-1]", "{Ser tEx}");
  says("c[::-1]", "{txEt reSu}");
  says("c[0]", "{u}");
  says("('<' + c + '>')[0:3]", "<{uS}");
  says("c|upper", "{USER TEXT}");
  says("('a' + c + 'b')|capitalize", "A{user text}b");
  says("c|replace('S', '-')", "{u}-{er tExt}");
  says("'a-b'|replace('-', c)", "a{uSer tExt}b");
  says("c.split()[1]", "{tExt}");
  says("c.split('S')|join('+')", "{u}+{er tExt}");
  says("[c, 'x']|join(c[0])", "{uSer tExtu}x");
  says("c|tojson", "\"{uSer tExt}\"");
  says("{c: [c]}", "{'{uSer tExt}': ['{uSer tExt}']}");
  says("'%5s|' % c[:2]", "   {uS}|");
  says("'{}-{:>4}'.format(c[0], c[1])", "{u}-   {S}");
  says("c * 2", "{uSer tExtuSer tExt}");
  says("c|list|last", "{t}");
  says("c|center(11)", " {uSer tExt} ");
  says("('x\n' + c)|indent(1)", "x\n {uSer tExt}");
  says("c|truncate(6, true, '…', 0)", "{uSer }…");
  says("('[1, \"' + c + '\"]')|from_json|last", "{uSer tExt}");
  says("c|length", "9");
  says("c.partition(' ')|join('_')", "{uSer}_{ }_{tExt}");
  EXPECT_EQ(
      marked("{% macro m(x) %}<{{ x }}{{ caller() }}>{% endmacro %}{% call m(messages[0].content) %}!{% endcall %}"),
      "<{uSer tExt}!>");
  EXPECT_EQ(marked("{% set ns = namespace(a='') %}{% for c in messages[0].content %}{% set ns.a = ns.a + c %}{% endfor "
                   "%}{{ ns.a }}"),
            "{uSer tExt}");
  EXPECT_EQ(marked("{% set x %}a{{ messages[0].content }}{% endset %}{% filter upper %}{{ x }}{% endfilter %}"),
            "A{USER TEXT}");
  EXPECT_EQ(marked("{{ messages[0].role }}{{ messages[0].keys()|first }}"), "user{role}");
  EXPECT_EQ(marked("{{ messages[0].content|tojson }}", R"("a\"\n\u00e9")"), "\"{a\\\"\\né}\"");
}

TEST(Origin, PartsAreWholeAndApart) {
  Text text;
  const Origin one = Origin::input(1);
  text.append("ab", one);
  text.append("cd", one);
  text.append("", one);
  text.append("e");
  text.append(text.slice(3, 5));
  EXPECT_EQ(text.bytes(), "abcdede");
  EXPECT_EQ(text.input(), (std::vector<Span>{{0, 4}, {5, 6}}));
  text.append(text);
  EXPECT_EQ(text.input(), (std::vector<Span>{{0, 4}, {5, 6}, {7, 11}, {12, 13}}));
  text = Text();
  text.append("ab", one);
  text.append("cd", Origin::input(2));  // another string: apart for those who follow it, one for the prompt
  EXPECT_EQ(text.n_parts(), 2u);
  EXPECT_EQ(text.input(), (std::vector<Span>{{0, 4}}));
  EXPECT_EQ(text.origin(1, 3), one);
  EXPECT_EQ(text.origin(2, 4), Origin::input(2));
  EXPECT_FALSE(Text(Words("ab")).origin().is_input());
  EXPECT_THROW(Text::number("<|1|>"), std::logic_error);
}

TEST(Errors, NameTheConstructAndItsLine) {
  EXPECT_EQ(error_of("\n\n{{ 1|nothing }}"), "[jinja] line 3: the filter 'nothing' is not supported");
  EXPECT_EQ(error_of("{{ 1 is nothing }}"), "[jinja] line 1: the test 'nothing' is not supported");
  EXPECT_EQ(error_of("a\n{{ 'x'.encode() }}"), "[jinja] line 2: the method 'encode' is not supported");
  for (const char* name : {"self", "lipsum"})  // which jinja2 defines
    EXPECT_EQ(error_of(std::string("{{ ") + name + " }}"),
              std::string("[jinja] line 1: '") + name + "' is not supported");
  EXPECT_TRUE(error_of("{% if 1 %}\n{% block a %}")
                  .starts_with("[jinja] line 2: there is no statement 'block' here; expected if, for"));
  EXPECT_EQ(error_of("{{ messages[0].role.upper() }}"), "[jinja] line 1: an undefined value is used");
  EXPECT_EQ(error_of("{{ a.b }}"), "[jinja] line 1: 'a' is undefined");
  EXPECT_EQ(error_of("{{ messages.b.c }}"), "[jinja] line 1: 'b' is undefined");
  EXPECT_EQ(error_of("{{ 1 + }}"), "[jinja] line 1: malformed tag; got }}; expected an expression");
  EXPECT_EQ(error_of("{% for a in b %}\n"),
            "[jinja] line 1: malformed tag; got the end of the template; expected {% endfor %}");
  EXPECT_EQ(error_of("\xff"), "[jinja] the template is not UTF-8 text");
  EXPECT_EQ(error_of("{{ raise_exception('No.') }}"),
            "[template] No.; the model's chat template refuses this conversation (line 1)");
}

TEST(Variables, FurtherOnesTakeNoNameOfTheConversation) {
  EXPECT_EQ(
      Template("{{ a }}{{ b is defined }}").render({{"b", "1", false, true}}, R"({"a": 2, "c": 3})", noon).bytes(),
      "2True");
  EXPECT_EQ(Template("{{ b }}").render({{"b", "1", false, true}}, R"({"b": 2})", noon).bytes(), "2");
  EXPECT_EQ(error_of("", R"({"messages": []})"), "[jinja] a variable has a reserved name; got messages");
  EXPECT_EQ(error_of("", "7").substr(0, 43), "[jinja] the variables are not a JSON object");
}

TEST(Limits, GrowWithTheConversation) {
  // Every message looks at every other one: quadratic, as some templates are.
  std::string messages = "[";
  for (int i = 0; i < 600; i++)
    messages += (i ? ", " : "") + std::string(R"({"role": "user", "content": ")") + std::string(200, 'x') + "\"}";
  const Text text =
      Template(
          "{% for m in messages %}{% for n in messages[loop.index0:] %}{% if n.role == 'x' %}{% endif %}{% endfor %}{{ "
          "m.content }}{% endfor %}")
          .render({{"messages", messages + "]", true}}, "", noon);
  EXPECT_EQ(text.size(), 120'000u);
}

TEST(Template, RendersInSeveralThreadsAtOnce) {
  const Template shared(
      "{% macro m(x) %}{{ x|upper }}{% endmacro %}{% for i in range(50) %}{{ m(messages) }}{% endfor %}");
  std::vector<std::string> results(4);
  std::vector<std::thread> threads;
  for (std::string& result : results)
    threads.emplace_back([&] { result = shared.render({{"messages", "\"ab\""}}, "", noon).bytes(); });
  for (std::thread& thread : threads) thread.join();
  for (const std::string& result : results) EXPECT_EQ(result, results[0]);
  EXPECT_EQ(results[0].size(), 100u);
}

TEST(Unicode, WellFormedIsWhatTheStandardSays) {
  for (const char* good : {"", "a", "é", "\u0800", "\uffff", "\U00010000", "\U0010ffff"})
    EXPECT_TRUE(is_utf8(good)) << good;
  for (const char* bad : {"\xda\x83\x96", "\xd8\x8e\xa8\x84:", "\x80", "\xc0\x80", "\xc3", "\xe0\x80\x80",
                          "\xed\xa0\x80", "\xf0\x80\x80\x80", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "a\xff"})
    EXPECT_FALSE(is_utf8(bad)) << bad;
}

}  // namespace
}  // namespace ingot::jinja
