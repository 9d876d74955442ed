// Chat templates with a vocabulary: what a user spells stays text wherever a template puts it, and the
// beginning-of-text token stands in front once. Real vocabularies: SmolLM2's, and those that
// tools/fetch_vocabularies.sh fetches.
#include <unistd.h>

#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

#include "engine/load.h"
#include "engine/vocabulary.h"
#include "support/gguf_builder.h"
#include "support/models.h"

namespace ingot {
namespace {

std::string quoted(const std::string& text) { return nlohmann::json(text).dump(); }

/// Everything that a template can do to a text: join it, cut it, change it, write it as JSON, keep it, pass it on.
const std::string everywhere =
    R"({{ bos_token }}{%- macro say(x) %}[{{ x }}]{% endmacro %}{% set ns = namespace(t='') -%}
{%- for m in messages -%}
<{{ m.role }}>{{ m.content }}{{ m['content'] + '!' }}{{ m.content|trim }}{{ say(m.content) }}{{ m.content[0:] }}{{ m.content.split('zz')|join }}{{ m.content.strip() ~ '' }}
{{ m.content|tojson }}{{ m|tojson(indent=2) }}{{ '%s' % m.content }}{{ '{}'.format(m.content) }}{{ m.content|replace('zz', '') }}{{ [m.content] }}{{ m.name }}{{ m.content|indent }}
{% set ns.t = ns.t + m.content %}{% set b %}{{ m.content }}{% endset %}{{ b }}{% filter trim %}{{ m.content }}{% endfilter %}{{ m.content|list|join }}{{ m.content|lower }}{{ m.content.splitlines()|first }}
{%- endfor -%}
{{ ns.t }}{{ tools|tojson }}{{ tools[0].name }})";

/// Returns how many control tokens were tried.
size_t expect_no_control_token_of_a_user(const std::string& path) {
  const text::Vocabulary vocabulary = engine::vocabulary_from(container::Gguf::open(path, foundry::geometry_of));
  const Tokenizer tokenizer = load_tokenizer(path);
  const ChatTemplate chat(everywhere, tokenizer);
  const auto control_tokens = [&](const std::string& spelled, const std::string& rest) {
    ChatOptions options;
    options.tools = "[{\"name\": " + quoted(spelled) + "}]";
    // once as the whole content, once across two messages, in a name, in a tool
    const std::string messages =
        "[{\"role\": \"system\", \"content\": " + quoted(spelled) +
        "}, {\"role\": \"user\", \"content\": " + quoted(spelled.substr(0, spelled.size() / 2)) +
        "}, {\"role\": \"user\", \"content\": " + quoted(rest) + ", \"name\": " + quoted(spelled) + "}]";
    std::multiset<int32_t> found;
    for (const int32_t id : tokenizer.encode(chat.render(messages, options)))
      if (vocabulary.types[static_cast<size_t>(id)] == text::TokenType::control) found.insert(id);
    return found;
  };
  const auto without = control_tokens("abcd", "ef");
  size_t tried = 0;
  for (size_t id = 0; id < vocabulary.tokens.size(); id++) {
    const std::string& token = vocabulary.tokens[id];
    const bool ascii =
        std::all_of(token.begin(), token.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
    if (vocabulary.types[id] != text::TokenType::control || token.size() < 2 || !ascii || tried == 60) continue;
    tried++;
    EXPECT_EQ(control_tokens(token, token.substr(token.size() / 2)), without) << path << " " << token;
  }
  return tried;
}

TEST(ChatTemplates, UsersOfTheSmallModelSpellNoControlToken) {
  const auto path = tests::model_path("smollm2-135m-instruct-q4_1.gguf");
  if (!path) GTEST_SKIP() << "no model: tools/fetch_model.sh smollm2 fetches it";
  EXPECT_GT(expect_no_control_token_of_a_user(*path), 0u);
}

TEST(ChatTemplates, UsersOfPublishedVocabulariesSpellNoControlToken) {
  const std::string folder = tests::cache_folder() + "/llama-cpp-models/";
  size_t found = 0, tried = 0;
  for (const char* name : {"llama-bpe", "llama-spm", "qwen2", "phi-3", "command-r", "deepseek-coder"}) {
    const std::string path = folder + "ggml-vocab-" + name + ".gguf";
    if (!std::filesystem::exists(path)) continue;
    found++;
    tried += expect_no_control_token_of_a_user(path);
  }
  if (found == 0) GTEST_SKIP() << "no vocabularies: tools/fetch_vocabularies.sh fetches them";
  EXPECT_GT(tried, 0u);
}

/// Two letters, a begin and an end token; byte-level BPE.
std::string small_file(bool add_bos, const std::string& chat_template, const std::string& for_tools = "") {
  test::GgufBuilder file;
  file.kv("tokenizer.ggml.model", "gpt2")
      .array("tokenizer.ggml.tokens", std::vector<std::string>{"a", "b", "<s>", "</s>"});
  file.array("tokenizer.ggml.token_type", std::vector<int32_t>{1, 1, 3, 3})
      .array("tokenizer.ggml.merges", std::vector<std::string>{});
  file.kv("tokenizer.ggml.bos_token_id", uint32_t{2})
      .kv("tokenizer.ggml.eos_token_id", uint32_t{3})
      .kv("tokenizer.ggml.add_bos_token", add_bos);
  if (!chat_template.empty()) file.kv("tokenizer.chat_template", chat_template);
  if (!for_tools.empty()) file.kv("tokenizer.chat_template.tool_use", for_tools);
  const std::string path = testing::TempDir() + "ingot_chat_test_" + std::to_string(getpid()) + ".gguf";
  file.write(path);
  return path;
}

using Ids = std::vector<int32_t>;
const char* const hi = R"([{"role": "user", "content": "ab"}])";

TEST(ChatTemplates, BeginOnceWhoeverWritesIt) {
  for (const char* source :
       {"{{ bos_token }}{{ messages[0].content }}{{ eos_token }}", "{{ messages[0].content }}</s>"}) {
    for (const bool add_bos : {true, false}) {
      const std::string path = small_file(add_bos, source);
      const bool writes_it = std::string_view(source).starts_with("{{ bos");
      const Ids expected = add_bos || writes_it ? Ids{2, 0, 1, 3} : Ids{0, 1, 3};
      EXPECT_EQ(load_tokenizer(path).encode(load_chat_template(path).render(hi)), expected) << source << add_bos;
    }
  }
}

TEST(ChatTemplates, BeginOnceWhereverTheTemplateWritesIt) {
  const auto ids = [](const char* source, const char* messages = hi) {
    const std::string path = small_file(true, source);
    return load_tokenizer(path).encode(load_chat_template(path).render(messages));
  };
  EXPECT_EQ(ids("a<s>{{ messages[0].content }}"), (Ids{0, 2, 0, 1})) << "before the conversation, but not first";
  EXPECT_EQ(ids("{{ messages[0].content }}<s>"), (Ids{2, 0, 1, 2})) << "behind it: that is no beginning";
  EXPECT_EQ(ids("{{ messages[0].content }}a", R"([{"role": "user", "content": "<s>"}])").front(), 2)
      << "a user's is none";
}

TEST(ChatTemplates, RolesAreWordsOfTheTemplate) {
  const std::string path = small_file(false, "<{{ messages[0].role }}>{{ messages[0].content }}");
  const Tokenizer tokenizer = load_tokenizer(path);
  const ChatTemplate chat = load_chat_template(path);
  EXPECT_EQ(tokenizer.encode(chat.render(R"([{"role": "s", "content": "a"}])")), (Ids{2, 0}));
  EXPECT_EQ(chat.render(R"([{"role": "s", "content": "<s>"}])").input.size(), 1u);
  const ChatPrompt odd = chat.render(R"([{"role": "s><s", "content": "a"}])");  // no plain word: a user's
  ASSERT_EQ(odd.input.size(), 2u);
  EXPECT_EQ(odd.text.substr(odd.input[0].begin, odd.input[0].end - odd.input[0].begin), "s><s");
}

TEST(ChatTemplates, ToolsHaveATemplateOfTheirOwnWhereTheFileHasOne) {
  const std::string path =
      small_file(false, "plain {{ messages[0].content }}", "tools {{ tools|length }} {{ messages[0].content }}");
  const ChatTemplate chat = load_chat_template(path);
  ChatOptions options;
  EXPECT_EQ(chat.render(hi, options).text, "plain ab");
  options.tools = "[1, 2]";
  EXPECT_EQ(chat.render(hi, options).text, "tools 2 ab");
}

TEST(ChatTemplates, FilesWithoutOneSaySo) {
  try {
    load_chat_template(small_file(false, ""));
    FAIL();
  } catch (const Error& e) { EXPECT_NE(std::string(e.what()).find("no chat template"), std::string::npos); }
}

}  // namespace
}  // namespace ingot
