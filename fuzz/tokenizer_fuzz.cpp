// Fuzzes the tokenizers. The first byte says how the rest is read: as a text for a sound vocabulary, under each
// pre-tokenizer and for SPM, where ids must stand for that text; or as a vocabulary of any kind, which gives a
// tokenizer or an ingot::Error.
#include <fuzzer/FuzzedDataProvider.h>

#include <cstdlib>
#include <map>
#include <memory>

#include "ingot/error.h"
#include "text/pre_tokenizers.h"
#include "text/tokenizer.h"
#include "text/utf8.h"
#include "text/vocabularies.h"

namespace {

using namespace ingot::text;

void require(bool fact) {
  if (!fact) std::abort();
}

void add_controls(Vocabulary& v) {
  for (const char* control : {"<bos>", "<|im_start|>", "<|im_end|>", "<|im_start|>user"})
    add_token(v, control, TokenType::control);
  add_token(v, "<tool>", TokenType::user_defined);
  add_token(v, "\n\n", TokenType::user_defined);
}

std::unique_ptr<Tokenizer> sound_tokenizer(const std::string& pre) {
  Vocabulary v = pre == "spm" ? spm_vocabulary({{"\u2581", -3},
                                                {"t", -4},
                                                {"h", -4},
                                                {"th", -1},
                                                {"\u2581th", -2},
                                                {"\u00e9", -5},
                                                {"aa", -1},
                                                {"aaaa", -2}})
                              : bpe_vocabulary({"\u0120 t", "h e", "\u0120t he", "\u0120 \u0120", "a a", "aa aa", "1 2",
                                                "\u00c3 \u00a9", "\u010a \u010a"},
                                               pre);
  v.add_bos = v.add_space_prefix = false;  // so that ids stand for the text and nothing else
  add_controls(v);
  return Tokenizer::make(std::move(v));
}

/// One tokenizer a rule, made when it is first asked for: its patterns take longer to compile than a text takes to cut.
const Tokenizer& sound(const std::string& pre) {
  static std::map<std::string, std::unique_ptr<Tokenizer>> made;
  auto& tokenizer = made[pre];
  if (!tokenizer) tokenizer = sound_tokenizer(pre);
  return *tokenizer;
}

/// Any vocabulary at all; most of them are refused.
Vocabulary any_vocabulary(FuzzedDataProvider& data) {
  Vocabulary v;
  v.model = data.ConsumeBool() ? "gpt2" : "llama";
  const auto names = pre_tokenizer_names();
  v.pre = data.PickValueInArray({0, 1}) ? names[data.ConsumeIntegralInRange<size_t>(0, names.size() - 1)]
                                        : data.ConsumeRandomLengthString(8);
  const bool bytes = data.ConsumeBool(), spm = v.model == "llama";
  if (bytes) {
    const Vocabulary base = spm ? spm_vocabulary({}) : bpe_vocabulary({});
    v.tokens = base.tokens, v.types = base.types, v.scores = base.scores;
  }
  for (auto n = data.ConsumeIntegralInRange<int>(0, 40); n > 0; n--) {
    v.tokens.push_back(data.ConsumeRandomLengthString(12));
    if (data.ConsumeProbability<float>() > 0.02f)
      v.types.push_back(static_cast<TokenType>(data.ConsumeIntegralInRange<int>(1, 6)));
    if (spm && data.ConsumeProbability<float>() > 0.02f) v.scores.push_back(data.ConsumeFloatingPoint<float>());
  }
  for (auto n = data.ConsumeIntegralInRange<int>(0, 20); n > 0 && !v.tokens.empty(); n--) {
    const auto some = [&] { return v.tokens[data.ConsumeIntegralInRange<size_t>(0, v.tokens.size() - 1)]; };
    const std::string left = some(), right = some();
    v.merges.push_back(data.ConsumeBool() ? data.ConsumeRandomLengthString(12) : left + " " + right);
    if (data.ConsumeBool()) add_token(v, left + right, TokenType::normal);
  }
  const auto id = [&] {
    return data.ConsumeBool() ? -1 : data.ConsumeIntegralInRange<int32_t>(-2, static_cast<int32_t>(v.tokens.size()));
  };
  v.bos = id(), v.eos = id(), v.eot = id(), v.unknown = id();
  if (data.ConsumeBool()) v.ends.push_back(id());
  if (data.ConsumeBool()) v.stripping.push_back(id());
  v.add_bos = data.ConsumeBool(), v.add_space_prefix = data.ConsumeBool();
  return v;
}

std::string joined(const Tokenizer& tokenizer, const Ids& ids) {
  std::string text;
  for (size_t i = 0; i < ids.size(); i++) text += tokenizer.piece(ids[i], i == 0, true);
  return text;
}

void check_text(const std::string& pre, const std::string& text) {
  const Tokenizer& tokenizer = sound(pre);
  const Vocabulary& v = tokenizer.vocabulary();
  for (const bool parse : {false, true}) {
    const Ids ids = tokenizer.encode(text, false, parse);
    for (const int32_t id : ids) require(parse || v.types[static_cast<size_t>(id)] != TokenType::control);
    // SPM says U+2581 where it stands as a space, and hands on damaged bytes.
    if (pre != "spm")
      require(joined(tokenizer, ids) == lenient_utf8(text));
    else if (repair_utf8(text) == text && text.find("\u2581") == std::string::npos)
      require(joined(tokenizer, ids) == text);
  }
}

void check_any(FuzzedDataProvider& data) {
  std::unique_ptr<Tokenizer> tokenizer;
  try {
    tokenizer = Tokenizer::make(any_vocabulary(data));
  } catch (const ingot::Error&) { return; }
  const std::string text = data.ConsumeRemainingBytesAsString();
  const auto size = static_cast<int32_t>(tokenizer->vocabulary().tokens.size());
  for (const bool parse : {false, true}) {
    const Ids ids = tokenizer->encode(text, true, parse);
    for (const int32_t id : ids) require(id >= 0 && id < size);
    require(complete_utf8(joined(*tokenizer, ids)) <= joined(*tokenizer, ids).size());
    require(tokenizer->encode(text, true, parse) == ids);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  static const auto names = pre_tokenizer_names();
  FuzzedDataProvider data(bytes, size);
  const auto kind = data.ConsumeIntegral<uint8_t>();
  if (kind < names.size()) {
    check_text(std::string(names[kind]), data.ConsumeRemainingBytesAsString());
  } else if (kind < 0x60) {
    check_text("spm", data.ConsumeRemainingBytesAsString());
  } else {
    check_any(data);
  }
  return 0;
}
