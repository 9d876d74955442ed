// The token loop on the small real model: stop strings, limits, the forgotten beginning, masks, kept prefixes,
// repeatability.
#include <gtest/gtest.h>

#include <algorithm>

#include "ingot/ingot.h"
#include "support/models.h"

namespace ingot {
namespace {

class Generating : public testing::Test {
 protected:
  void SetUp() override {
    auto path = tests::model_path("smollm2-135m-instruct-q4_1.gguf");
    if (!path) GTEST_SKIP() << "no model: tools/fetch_model.sh smollm2 fetches it";
    LoadOptions options;
    options.context = 96;
    options.threads = 1;
    model_.emplace(Model::load(*path, options));
    prompt_ = model_->tokenizer().encode("Once upon a time, a small robot found");
  }
  static SamplingOptions greedy() {
    SamplingOptions o;
    o.temperature = 0;
    return o;
  }
  Generation continue_prompt(const GenerateOptions& options, const SamplingOptions& sampling = greedy()) {
    Session session(*model_);
    session.append(prompt_);
    Sampler sampler(*model_, sampling);
    return generate(session, sampler, options);
  }
  std::vector<float> logits_of(std::span<const int32_t> tokens) {
    Session session(*model_);
    session.append(tokens);
    return {session.logits().begin(), session.logits().end()};
  }
  std::optional<Model> model_;
  std::vector<int32_t> prompt_;
};

GenerateOptions up_to(int n) {
  GenerateOptions o;
  o.max_tokens = n;
  return o;
}

TEST_F(Generating, GreedyAndSeededRunsRepeat) {
  SamplingOptions drawn;
  drawn.temperature = 1.3f, drawn.seed = 5, drawn.repeat_penalty = 1.1f, drawn.dry_multiplier = 0.8f,
  drawn.xtc_probability = 0.5f, drawn.typical_p = 0.9f;
  SamplingOptions mirostat;
  mirostat.mirostat = 2;
  for (const SamplingOptions& o : {greedy(), drawn, mirostat})
    EXPECT_EQ(continue_prompt(up_to(24), o).tokens, continue_prompt(up_to(24), o).tokens);
  EXPECT_NE(continue_prompt(up_to(24), drawn).tokens, continue_prompt(up_to(24)).tokens);
}

TEST_F(Generating, TextArrivesInPiecesAndWhole) {
  std::string streamed;
  std::vector<int32_t> seen;
  GenerateOptions o = up_to(16);
  o.on_text = [&](std::string_view text) { streamed += text; };
  o.on_token = [&](int32_t id) { seen.push_back(id); };
  Generation made = continue_prompt(o);
  EXPECT_EQ(made.reason, StopReason::length);
  EXPECT_EQ(made.text, streamed);
  EXPECT_EQ(made.text, model_->tokenizer().decode(made.tokens));
  EXPECT_EQ(made.tokens, seen);
  EXPECT_EQ(made.steps, 15);
  EXPECT_GT(made.seconds, 0);
}

TEST_F(Generating, StopStringsEndTheTextWhereverTheyLie) {
  std::string whole = continue_prompt(up_to(24)).text;
  for (size_t at = 1; at + 6 < whole.size(); at += 7) {
    GenerateOptions o = up_to(24);
    o.stop = {"not there", whole.substr(at, 6)};
    std::string streamed;
    o.on_text = [&](std::string_view text) { streamed += text; };
    Generation made = continue_prompt(o);
    EXPECT_EQ(made.reason, StopReason::stop);
    EXPECT_EQ(made.stop_string, o.stop[1]);
    EXPECT_EQ(made.text, whole.substr(0, whole.find(o.stop[1])));
    EXPECT_EQ(streamed, made.text);
  }
  GenerateOptions o = up_to(24);
  o.stop = {whole.substr(whole.size() - 3) + "never comes"};
  EXPECT_EQ(continue_prompt(o).text, whole) << "what was held back is text after all";
  o.stop = {""};
  EXPECT_THROW(continue_prompt(o), Error);
}

TEST_F(Generating, EndsAtAnEndUnlessItIsIgnored) {
  prompt_ = model_->tokenizer().encode("<|im_start|>user\nSay hi<|im_end|>\n<|im_start|>assistant\nHi!", true, true);
  Generation made = continue_prompt(up_to(40));
  EXPECT_EQ(made.reason, StopReason::end);
  SamplingOptions on = greedy();
  on.ignore_end = true;
  Generation longer = continue_prompt(up_to(40), on);
  EXPECT_EQ(longer.reason, StopReason::length);
  EXPECT_EQ(longer.tokens.size(), 40u);
  EXPECT_TRUE(std::equal(made.tokens.begin(), made.tokens.end(), longer.tokens.begin()));
}

TEST_F(Generating, AFullContextEndsTheText) {
  SamplingOptions on = greedy();
  on.ignore_end = true;
  Generation made = continue_prompt(up_to(-1), on);
  EXPECT_EQ(made.reason, StopReason::context);
  EXPECT_EQ(made.tokens.size(), 96 - prompt_.size() + 1);
}

TEST_F(Generating, AForgottenBeginningLeavesTheLogitsOfTheShortenedText) {
  SamplingOptions on = greedy();
  on.ignore_end = true;
  Session session(*model_);
  session.append(prompt_);
  Sampler sampler(*model_, on);
  GenerateOptions o = up_to(200);
  o.context_shift = true;
  o.keep = static_cast<int>(prompt_.size());
  std::vector<int32_t> text = prompt_;  // what should be held: the rule, written down again
  int shifts = 0;
  o.on_token = [&](int32_t id) {
    ASSERT_TRUE(std::ranges::equal(session.tokens(), text));
    if (text.size() == 96) {
      size_t keep = prompt_.size(), dropped = (96 - keep + 1) / 2;
      text.erase(text.begin() + keep, text.begin() + keep + dropped);
      shifts++;
    }
    text.push_back(id);
  };
  Generation made = generate(session, sampler, o);
  EXPECT_EQ(made.tokens.size(), 200u);
  EXPECT_EQ(made.shifts, shifts);
  EXPECT_GE(shifts, 2);
  EXPECT_TRUE(std::equal(prompt_.begin(), prompt_.end(), session.tokens().begin()));
  std::vector<int32_t> held(session.tokens().begin(), session.tokens().end());
  EXPECT_EQ(logits_of(held), std::vector<float>(session.logits().begin(), session.logits().end()));
  for (int keep : {-2, 95, 1000}) {
    o.keep = keep;
    EXPECT_THROW(generate(session, sampler, o), Error) << keep;
  }
}

TEST_F(Generating, ResumeKeepsTheCommonBeginning) {
  Session session(*model_);
  std::vector<int32_t> other = prompt_;
  EXPECT_EQ(session.resume(prompt_), 0);
  EXPECT_EQ(session.resume(prompt_), static_cast<int>(prompt_.size())) << "nothing to run";
  other.back() = 7;
  other.push_back(8);
  EXPECT_EQ(session.resume(other), static_cast<int>(prompt_.size()) - 1);
  EXPECT_TRUE(std::ranges::equal(session.tokens(), other));
  EXPECT_TRUE(std::ranges::equal(session.logits(), logits_of(other)));
  EXPECT_EQ(session.resume(std::span(other).first(4)), 3) << "the last is run again for its logits";
  EXPECT_TRUE(std::ranges::equal(session.logits(), logits_of(std::span(other).first(4))));
  EXPECT_THROW(session.resume(std::vector<int32_t>(97, 1)), Error);
  EXPECT_THROW(session.resume(std::vector<int32_t>{-1}), Error);
  EXPECT_EQ(session.size(), 4) << "a refusal changes nothing";
  EXPECT_EQ(session.resume({}), 0);
  EXPECT_EQ(session.size(), 0);
}

TEST_F(Generating, TwoHalvesAreAsOneWhole) {
  SamplingOptions drawn;
  drawn.temperature = 1.2f, drawn.seed = 9, drawn.frequency_penalty = 0.5f;
  Generation whole = continue_prompt(up_to(20), drawn), first = continue_prompt(up_to(10), drawn);
  prompt_.insert(prompt_.end(), first.tokens.begin(), first.tokens.end());
  std::vector<int32_t> both = first.tokens;
  Generation second = continue_prompt(up_to(10), drawn);
  both.insert(both.end(), second.tokens.begin(), second.tokens.end());
  EXPECT_EQ(both, whole.tokens);
}

TEST_F(Generating, MasksLeaveOnlyWhatTheyAllow) {
  size_t words = (model_->info().vocab + 63) / 64;
  std::vector<uint64_t> mask(words);
  std::vector<int32_t> allowed = {100, 2000, 30000};
  for (int32_t id : allowed) mask[id / 64] |= 1ull << id % 64;
  GenerateOptions o = up_to(12);
  o.allowed = [&] { return std::span<const uint64_t>(mask); };
  for (int32_t id : continue_prompt(o).tokens) EXPECT_TRUE(std::ranges::count(allowed, id)) << id;
  mask.pop_back();
  EXPECT_THROW(continue_prompt(o), Error);
}

TEST_F(Generating, InterruptionKeepsWhatIsThere) {
  int asked = 0;
  GenerateOptions o;
  o.interrupted = [&] { return ++asked > 5; };
  Generation made = continue_prompt(o);
  EXPECT_EQ(made.reason, StopReason::interrupted);
  EXPECT_EQ(made.tokens.size(), 5u);
  Session empty(*model_);
  Sampler sampler(*model_, greedy());
  EXPECT_THROW(generate(empty, sampler, o), Error);
}

}  // namespace
}  // namespace ingot
