// ingot's scores against llama.cpp's, on two real models and on small synthetic ones, and against ingot's own under every cut of
// the prompt and every number of threads. What a single op computes is tested in tests/kernels.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>

#include "ingot/ingot.h"
#include "oracle/golden.h"
#include "support/models.h"

namespace ingot::tests {
namespace {

// Two honest engines differ in how they round; a fault in the mathematics moves these numbers by orders of magnitude.
constexpr double min_top1_agreement = 0.98;    // of the positions
constexpr double max_disagreement_gap = 0.1;   // nats between the oracle's two best, where the top-1 differs
constexpr double max_mean_difference = 0.03;   // nats, over the oracle's top five

/// Every golden model, so that each is a test of its own.
const std::vector<GoldenModel>& golden_models() {
  static const std::vector<GoldenModel> all = [] {
    std::vector<GoldenModel> models;
    for (const char* file : {"smollm2", "gemma3", "synthetic"})
      for (GoldenModel& m : read_golden(file)) {
        if (std::string_view(file) == "synthetic") m.file = "synthetic/" + m.file;
        models.push_back(std::move(m));
      }
    return models;
  }();
  return all;
}

std::vector<int32_t> joined(const std::vector<int32_t>& a, const std::vector<int32_t>& b) {
  std::vector<int32_t> ids = a;
  ids.insert(ids.end(), b.begin(), b.end());
  return ids;
}

class Oracle : public testing::TestWithParam<GoldenModel> {
 protected:
  void SetUp() override {
    auto path = model_path(GetParam().file);
    if (!path) {
      const char* source = GetParam().file.starts_with("synthetic/") ? "tools/goldens/make_models.py" : "tools/fetch_model.sh";
      GTEST_SKIP() << GetParam().file << " is not in " << cache_folder() << "/models; " << source << " puts it there";
    }
    path_ = *path;
  }
  Model load(int threads = 0) const {
    LoadOptions options;
    options.threads = threads;
    return Model::load(path_, options);
  }
  std::string path_;
};

/// What a comparison found, over all positions.
struct Agreement {
  size_t positions = 0, top1 = 0, candidates = 0;
  double sum = 0, worst = 0;  // of |Δ log-probability|, nats
  double worst_gap = 0;       // the oracle's top-2 gap, where top-1 differs

  void add(std::span<const float> logits, const std::vector<Candidate>& top) {
    auto best = std::ranges::max_element(logits);
    double total = 0;
    for (float x : logits) total += std::exp(static_cast<double>(x) - *best);
    double log_total = *best + std::log(total);
    positions++;
    if (best - logits.begin() == top[0].first) top1++;
    else worst_gap = std::max(worst_gap, top[0].second - top[1].second);
    for (auto [id, logprob] : top) {
      double difference = std::abs(logits[id] - log_total - logprob);
      if (!std::isfinite(difference)) difference = HUGE_VAL;
      sum += difference, candidates++;
      worst = std::max(worst, difference);
    }
  }
  double top1_share() const { return static_cast<double>(top1) / positions; }
  double mean() const { return sum / candidates; }
};

TEST_P(Oracle, LogitsAgreeWithLlamaCpp) {
  Model model = load();
  Agreement all;
  for (const GoldenCase& c : GetParam().cases) {
    Session session(model);
    std::vector<int32_t> ids = joined(c.prompt_ids, c.ids);
    ids.pop_back();  // nothing is known of what follows the last
    size_t first = c.prompt_ids.size() - 1, seen = 0;
    session.append_all_logits(ids, [&](size_t i, std::span<const float> logits) {
      ASSERT_EQ(i, seen++);
      if (i >= first) all.add(logits, c.top[i - first]);
    });
    ASSERT_EQ(seen, ids.size());
  }
  std::printf("[ NUMBERS  ] %s: top-1 agrees on %.2f %% of %zu positions, worst top-2 gap of the others %.4f; |difference| mean %.5f, max %.4f nat\n",
              GetParam().name.c_str(), 100 * all.top1_share(), all.positions, all.worst_gap, all.mean(), all.worst);
  RecordProperty("top1_share", std::to_string(all.top1_share()));
  RecordProperty("worst_disagreement_gap", std::to_string(all.worst_gap));
  RecordProperty("mean_difference", std::to_string(all.mean()));
  RecordProperty("max_difference", std::to_string(all.worst));
  EXPECT_GE(all.top1_share(), min_top1_agreement);
  EXPECT_LT(all.worst_gap, max_disagreement_gap);
  EXPECT_LE(all.mean(), max_mean_difference);
}

class OracleTokenizer : public Oracle {};

TEST_P(OracleTokenizer, AgreesWithLlamaCpp) {
  Model model = load();
  for (const GoldenCase& c : GetParam().cases) EXPECT_EQ(model.tokenizer().encode(c.prompt), c.prompt_ids) << c.prompt;
}

/// Scores over a long text: after its first part, which goes in as a prompt does, and after each token of the rest.
struct Trace {
  static constexpr size_t rest = 24;  ///< tokens

  /// Tokens of the golden's cases, more than the longest chunk where the model's context allows.
  static std::vector<int32_t> text(const GoldenModel& golden, const Model& model) {
    size_t tokens = std::min<size_t>(580, model.info().context - 16);
    std::vector<int32_t> ids;
    for (auto c = golden.cases.rbegin(); c != golden.cases.rend() && ids.size() < tokens; ++c) ids = joined(ids, joined(c->prompt_ids, c->ids));
    ids.resize(std::min(ids.size(), tokens));
    return ids;
  }
  Trace(const Model& model, const std::vector<int32_t>& ids, int chunk) {
    Session session(model);
    std::span<const int32_t> all(ids);
    session.append(all.first(ids.size() - rest), chunk);
    std::span<const float> logits = session.logits();
    scores.emplace_back(logits.begin(), logits.end());
    session.append_all_logits(all.last(rest), [&](size_t, std::span<const float> l) { scores.emplace_back(l.begin(), l.end()); }, chunk);
  }
  /// Place of the first row that is not the same bit for bit; -1: none.
  int first_difference(const Trace& other) const {
    if (scores.size() != other.scores.size()) return static_cast<int>(std::min(scores.size(), other.scores.size()));
    for (size_t i = 0; i < scores.size(); i++)
      if (scores[i].size() != other.scores[i].size() || std::memcmp(scores[i].data(), other.scores[i].data(), scores[i].size() * sizeof(float)) != 0)
        return static_cast<int>(i);
    return -1;
  }
  std::vector<std::vector<float>> scores;  // [1 + rest][vocab]
};

TEST_P(Oracle, LogitsDoNotDependOnChunks) {
  Model model = load();
  std::vector<int32_t> ids = Trace::text(GetParam(), model);
  ASSERT_GT(ids.size(), 400u);
  Trace whole(model, ids, 512);
  ASSERT_EQ(whole.scores.size(), 1 + Trace::rest);
  EXPECT_EQ(whole.first_difference(Trace(model, ids, 512)), -1) << "the same request twice";
  for (int chunk : {1, 7, 64}) EXPECT_EQ(whole.first_difference(Trace(model, ids, chunk)), -1) << "chunk " << chunk;
}

TEST_P(Oracle, LogitsDoNotDependOnThreads) {
  Model single = load(1);
  std::vector<int32_t> ids = Trace::text(GetParam(), single);
  Trace one(single, ids, 0);
  for (int threads : {2, 3}) EXPECT_EQ(one.first_difference(Trace(load(threads), ids, 0)), -1) << threads << " threads";
}

std::string test_name(const testing::TestParamInfo<GoldenModel>& info) {
  std::string name = info.param.name;
  std::ranges::replace(name, '-', '_');
  return name;
}

std::vector<GoldenModel> models_with_prompts() {
  std::vector<GoldenModel> models = golden_models();
  std::erase_if(models, [](const GoldenModel& m) { return m.cases[0].prompt.empty(); });
  return models;
}

INSTANTIATE_TEST_SUITE_P(Model, Oracle, testing::ValuesIn(golden_models()), test_name);
INSTANTIATE_TEST_SUITE_P(Model, OracleTokenizer, testing::ValuesIn(models_with_prompts()), test_name);

}  // namespace
}  // namespace ingot::tests
