// The table of pre-tokenizers. To add a rule, add a row: the patterns are those published by the makers in
// tokenizer.json or in tiktoken (openai_public.py), grouped under the names that GGUF files use.
#include "text/pre_tokenizers.h"

#include <algorithm>

namespace ingot::text {
namespace {

// 's 't 'm 'd 're 've 'll in either case.
const std::string contraction = R"('(?:[sStTmMdD]|[rR][eE]|[vV][eE]|[lL][lL]))";
// White space ends after its last line break; without one, its last character belongs to the next word.
const std::string space = R"(\s*[\r\n]+|\s+(?!\S)|\s+)";

// GPT-2 (Radford et al. 2019, encoder.py): contractions, then letters, numbers, the rest, each with one space before
// it.
const std::string gpt2 = R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

// OpenAI's cl100k_base: letters with one other character before them, line breaks kept with symbols; numbers differ by
// family. Some count marks as letters.
std::string cl100k(const std::string& numbers, const std::string& marks = "") {
  return contraction + R"(|[^\r\n\p{L}\p{N}]?[\p{L})" + marks + "]+|" + numbers + R"(| ?[^\s\p{L}\p{N})" + marks +
         R"(]+[\r\n]*|)" + space;
}

// OpenAI's o200k_base: as before, but an upper-case letter begins a word, and a contraction belongs to the word that it
// ends.
std::string o200k(const std::string& numbers, const std::string& word_end,
                  const std::string& line_end = R"([\r\n/]*)") {
  const std::string upper = R"([\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}])", lower = R"([\p{Ll}\p{Lm}\p{Lo}\p{M}])",
                    before = R"([^\r\n\p{L}\p{N}]?)";
  return before + upper + "*" + lower + "+" + word_end + "|" + before + upper + "+" + lower + "*" + word_end + "|" +
         numbers + R"(| ?[^\s\p{L}\p{N}]+)" + line_end + "|" + space;
}

// Kimi K2 (tokenization_kimi.py): o200k with Han separate. Its classes are written as complements, since they are
// intersections.
std::string kimi_k2() {
  const std::string upper = R"([^\p{Ll}\p{N}\p{P}\p{S}\p{Z}\p{C}\p{sc:Han}])",
                    lower = R"([^\p{Lu}\p{Lt}\p{N}\p{P}\p{S}\p{Z}\p{C}\p{sc:Han}])", before = R"([^\r\n\p{L}\p{N}]?)",
                    end = "(?:" + contraction + ")?";
  return R"(\p{sc:Han}+|)" + before + upper + "*" + lower + "+" + end + "|" + before + upper + "+" + lower + "*" + end +
         R"(|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|)" + space;
}

// DeepSeek LLM: letters of scripts with two cases, as of Unicode 12 without the small letters of Armenian and Georgian;
// then punctuation, then ideographs and the scripts between.
const std::string deepseek_letters =
    R"(\s?[A-Za-z\x{B5}\x{C0}-\x{D6}\x{D8}-\x{F6}\x{F8}-\x{1BA}\x{1BC}-\x{1BF}\x{1C4}-\x{293}\x{295}-\x{2AF}\x{370}-\x{373}\x{376}\x{377})"
    R"(\x{37B}-\x{37D}\x{37F}\x{386}\x{388}-\x{38A}\x{38C}\x{38E}-\x{3A1}\x{3A3}-\x{3F5}\x{3F7}-\x{481}\x{48A}-\x{52F}\x{531}-\x{556})"
    R"(\x{10A0}-\x{10C5}\x{13A0}-\x{13F5}\x{13F8}-\x{13FD}\x{1C90}-\x{1CBA}\x{1CBD}-\x{1CBF}\x{1D00}-\x{1D2B}\x{1D6B}-\x{1D77})"
    R"(\x{1D79}-\x{1D9A}\x{1E00}-\x{1F15}\x{1F18}-\x{1F1D}\x{1F20}-\x{1F45}\x{1F48}-\x{1F4D}\x{1F50}-\x{1F57}\x{1F59}\x{1F5B}\x{1F5D})"
    R"(\x{1F5F}-\x{1F7D}\x{1F80}-\x{1FB4}\x{1FB6}-\x{1FBC}\x{1FBE}\x{1FC2}-\x{1FC4}\x{1FC6}-\x{1FCC}\x{1FD0}-\x{1FD3}\x{1FD6}-\x{1FDB})"
    R"(\x{1FE0}-\x{1FEC}\x{1FF2}-\x{1FF4}\x{1FF6}-\x{1FFC}\x{2102}\x{2107}\x{210A}-\x{2113}\x{2115}\x{2119}-\x{211D}\x{2124}\x{2126})"
    R"(\x{2128}\x{212A}-\x{212D}\x{212F}-\x{2134}\x{2139}\x{213C}-\x{213F}\x{2145}-\x{2149}\x{214E}\x{2183}\x{2184}\x{2C00}-\x{2C7B})"
    R"(\x{2C7E}-\x{2CE4}\x{2CEB}-\x{2CEE}\x{2CF2}\x{2CF3}\x{A640}-\x{A66D}\x{A680}-\x{A69B}\x{A722}-\x{A76F}\x{A771}-\x{A787})"
    R"(\x{A78B}-\x{A78E}\x{AB70}-\x{ABBF}\x{FB00}-\x{FB06}\x{FB13}-\x{FB17}\x{FF21}-\x{FF3A}\x{FF41}-\x{FF5A}\x{10400}-\x{1044F})"
    R"(\x{104B0}-\x{104D3}\x{104D8}-\x{104FB}\x{10C80}-\x{10CB2}\x{10CC0}-\x{10CF2}\x{118A0}-\x{118DF}\x{1E900}-\x{1E943}]+)";
const std::string deepseek_punctuation =
    R"(\s?[!-/:-~\x{FF01}-\x{FF0F}\x{FF1A}-\x{FF5E}\x{2018}-\x{201F}\x{3001}\x{3002}]+)";
// White space is left out of the ranges (U+1680, U+2000 …), as llama.cpp does; a maker's engine may keep it with its
// neighbours.
const std::string deepseek_ideographs =
    R"([\x{800}-\x{167F}\x{1681}-\x{1FFF}\x{200B}-\x{2027}\x{202A}-\x{202E}\x{2030}-\x{205E}\x{2060}-\x{2FFF}\x{3001}-\x{9FA5}\x{AC00}-\x{D7FF}]+)";
// The lookbehind only saves time: a run of white space is tried once, not from each of its characters (PCRE2 does that
// by itself only in its JIT).
const std::string space_at_end = R"((?<!\s)\s+\z)";

// DeepSeek V3: numbers in threes, Chinese and Japanese, then the rest.
const std::string deepseek_v3_rest =
    R"([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|)" +
    space;
const std::string chinese_japanese = R"([\x{4E00}-\x{9FA5}\x{3040}-\x{30FF}]+)";

// BLOOM: everything up to white space or one of these marks.
const std::string bloom = R"( ?[^(\s|.,!?\x{2026}\x{3002}\x{FF0C}\x{3001}\x{964}\x{6D4}\x{60C})]+)";

// Jais 2: white space in powers of two. No line break can follow white space, since the run was searched from its
// beginning: the lookbehind avoids searching again from each part of a long run.
const std::string jais2_space =
    R"((?<![^\S\r\n])\s*[\r\n]+|\s{512}(?!\S)|\s{256}(?!\S)|\s{128}(?!\S)|\s{64}(?!\S)|\s{32}(?!\S)|\s{16}(?!\S)|\s{8}(?!\S)|\s{4}(?!\S)|\s{1,2}(?!\S)|\s)";

std::string ended_as(std::string rule, const std::string& space_rule) {
  rule.replace(rule.size() - space.size(), space.size(), space_rule);
  return rule;
}

std::vector<PreTokenizer> make_table() {
  const std::string up_to_three = R"(\p{N}{1,3})", one = R"(\p{N})", suffix = "(?:" + contraction + ")?";
  const bool yes = true;
  return {
      // The default of GGUF readers when a file names no rule.
      {{"default"}, {R"([\p{P}$+<=>^~|]+)", gpt2, R"(\p{N}+)", "[0-9][0-9][0-9]"}},
      {{"gpt-2", "phi-2", "mpt", "olmo", "jais", "exaone4", "gigachat", "a.x-4.0", "mellum", "trillion",
        "granite-docling"},
       {gpt2}},
      // Each digit is a word of its own.
      {{"smollm", "starcoder", "refact", "command-r", "codeshell", "exaone", "minerva-7b", "mellum2"}, {one, gpt2}},
      {{"falcon"}, {R"([\p{P}$+<=>^~|`]+)", gpt2, "[0-9][0-9][0-9]"}},
      {{"llama-bpe", "llama3", "llama-v3", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2"},
       {cl100k(up_to_three)},
       yes,
       yes},
      {{"glm4", "glm5"}, {cl100k(up_to_three)}, yes},
      {{"chatglm-bpe", "dbrx", "smaug-bpe"}, {cl100k(up_to_three)}},
      {{"qwen2", "deepseek-r1-qwen", "stablelm2", "megrez", "hunyuan", "solar-open", "grok-2", "kormo"}, {cl100k(one)}},
      {{"qwen35"}, {cl100k(one, R"(\p{M})")}},
      {{"minicpm5"}, {up_to_three, cl100k(R"(\p{N}+)")}, yes},
      {{"jais-2"}, {ended_as(cl100k(up_to_three), jais2_space)}},
      {{"laguna"}, {R"([^\n]+|\n+)", cl100k(one)}},
      {{"bailingmoe", "bailingmoe2", "llada-moe"}, {ended_as(cl100k(one), R"(\s*[\r\n]|\s+(?!\S)|\s+)")}},
      {{"seed-coder"}, {contraction + R"(|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}\r\n]+|)" + space}},
      {{"gpt-4o", "llama4", "kanana2", "minimax-m2"}, {o200k(up_to_three, suffix)}},
      {{"tekken"}, {o200k(one, "")}, yes, yes},
      {{"kimi-k2"}, {kimi_k2()}},
      {{"deepseek-llm"},
       {"[\r\n]", deepseek_letters, deepseek_punctuation, space_at_end, deepseek_ideographs, R"(\p{N}+)"}},
      {{"deepseek-coder"}, {"[\r\n]", R"(\s?\p{L}+)", R"(\s?\p{P}+)", deepseek_ideographs, one}},
      {{"deepseek-v3", "hunyuan-dense", "joyai-llm"}, {up_to_three, chinese_japanese, deepseek_v3_rest}},
      {{"bloom", "gpt3-finnish", "poro-chat"}, {bloom}},
      {{"viking"}, {bloom, one}},
  };
}

const std::vector<PreTokenizer>& table() {
  static const std::vector<PreTokenizer> rules = make_table();
  return rules;
}

}  // namespace

const PreTokenizer* find_pre_tokenizer(std::string_view name) {
  if (name.empty()) name = "default";
  for (const PreTokenizer& rule : table()) {
    if (std::find(rule.names.begin(), rule.names.end(), name) != rule.names.end()) return &rule;
  }
  return nullptr;
}

std::vector<std::string_view> pre_tokenizer_names() {
  std::vector<std::string_view> names;
  for (const PreTokenizer& rule : table()) names.insert(names.end(), rule.names.begin(), rule.names.end());
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace ingot::text
