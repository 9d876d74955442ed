// Perplexity and divergence against the definition, spelled out in float64 over a session's logits.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <random>

#include "engine/softmax.h"
#include "ingot/ingot.h"
#include "support/models.h"

namespace ingot::tests {
namespace {

std::vector<float> random_row(size_t n, int seed, float spread) {
  std::mt19937 bits(seed);
  std::normal_distribution<float> normal(3, spread);
  std::vector<float> row(n);
  for (float& x : row) x = normal(bits);
  return row;
}

/// ln p of the whole row, in float64.
std::vector<double> plain_logprobs(std::span<const float> row) {
  double max = *std::ranges::max_element(row), total = 0;
  for (float x : row) total += std::exp(x - max);
  std::vector<double> result;
  for (float x : row) result.push_back(x - max - std::log(total));
  return result;
}

double plain_divergence(std::span<const float> base, std::span<const float> model) {
  std::vector<double> b = plain_logprobs(base), m = plain_logprobs(model);
  double sum = 0;
  for (size_t i = 0; i < b.size(); i++) sum += std::exp(b[i]) * (b[i] - m[i]);
  return sum;
}

TEST(Softmax, IsThatOfFloat64) {
  for (size_t n : {1u, 2u, 15u, 16u, 17u, 1023u, 1025u, 49152u})
    for (float spread : {0.01f, 3.0f, 60.0f}) {
      std::vector<float> row = random_row(n, 1, spread);
      engine::Softmax s = engine::softmax(row);
      std::vector<double> expected = plain_logprobs(row);
      EXPECT_EQ(s.best, static_cast<size_t>(std::ranges::max_element(row) - row.begin()));
      for (size_t i = 0; i < n; i += std::max<size_t>(1, n / 50))
        EXPECT_NEAR(s.logprob(row[i]), expected[i], 1e-6) << n << " " << spread;
    }
}

TEST(Softmax, TheFirstOfEqualOnesIsBest) {
  std::vector<float> row = {1, 5, 2, 5};
  EXPECT_EQ(engine::softmax(row).best, 1u);
}

TEST(Softmax, RefusesWhatIsNoNumber) {
  for (float wrong : {NAN, INFINITY, -INFINITY})
    for (size_t at : {0u, 7u, 39u}) {
      std::vector<float> row = random_row(40, 2, 1);
      row[at] = wrong;
      EXPECT_THROW(engine::softmax(row), Error) << wrong << " at " << at;
    }
}

TEST(DivergenceOfRows, IsThatOfFloat64) {
  for (size_t n : {1u, 17u, 1000u, 49152u})
    for (float apart : {0.0f, 0.01f, 5.0f}) {
      std::vector<float> base = random_row(n, 3, 4), model = random_row(n, 4, apart);
      for (size_t i = 0; i < n; i++) model[i] += base[i];
      double expected = plain_divergence(base, model);
      EXPECT_NEAR(engine::divergence(base, engine::softmax(base), model, engine::softmax(model)), expected,
                  1e-6 + 1e-5 * expected)
          << n << " " << apart;
    }
  std::vector<float> same = random_row(1000, 5, 4);
  EXPECT_EQ(engine::divergence(same, engine::softmax(same), same, engine::softmax(same)), 0);
}

class Evaluating : public testing::Test {
 protected:
  static constexpr int context = 33;  // odd: the scored half is the longer one, and no multiple of a slice
  static constexpr const char* text =
      "Ships were built of oak, and oak was slow to grow. A yard that laid down three keels in a year had to think a "
      "hundred years ahead, "
      "so the shipwrights planted acorns along the road to the harbour. Their grandchildren built with iron. The trees "
      "are still there, and "
      "in autumn the road is so deep in leaves that the carts leave no track; children say that a fleet lies under it, "
      "at anchor, waiting.";

  void SetUp() override {
    auto path = model_path("smollm2-135m-instruct-q4_1.gguf");
    if (!path) GTEST_SKIP() << "no model: tools/fetch_model.sh smollm2 fetches it";
    path_ = *path;
  }
  Model load(const std::string& kv = "", int tokens = context) const {
    LoadOptions options;
    options.context = tokens;
    options.kv = kv;
    return Model::load(path_, options);
  }
  static EvaluateOptions options() {
    EvaluateOptions o;
    o.context = context;
    return o;
  }
  /// Logits after each token of the window that has a scored one behind it.
  static std::vector<std::vector<float>> scored_logits(const Model& model, std::span<const int32_t> window) {
    Session s(model);
    std::vector<std::vector<float>> rows;
    for (size_t i = 0; i + 1 < window.size(); i++) {
      s.append(window.subspan(i, 1));
      if (i >= window.size() / 2) rows.emplace_back(s.logits().begin(), s.logits().end());
    }
    return rows;
  }
  std::string path_;
};

TEST_F(Evaluating, FollowsTheDefinition) {
  Model model = load(), base = load("q8_0");
  std::vector<int32_t> ids = model.tokenizer().encode(text);
  const int64_t windows = ids.size() / context;
  ASSERT_GE(windows, 2);
  ASSERT_NE(ids.size() % context, 0u);  // some tokens fill no window
  std::vector<double> nll, divergences;
  double base_nll = 0, squares = 0, sum = 0, of_band[3] = {};
  int in_band[3] = {};
  int same = 0;
  for (int64_t w = 0; w < windows; w++) {
    auto window = std::span(ids).subspan(w * context, context);
    auto rows = scored_logits(model, window), base_rows = scored_logits(base, window);
    for (size_t i = 0; i < rows.size(); i++) {
      int32_t next = window[context / 2 + 1 + i];
      nll.push_back(-plain_logprobs(rows[i])[next]);
      base_nll -= plain_logprobs(base_rows[i])[next];
      divergences.push_back(plain_divergence(base_rows[i], rows[i]));
      const double best = std::exp(std::ranges::max(plain_logprobs(base_rows[i])));
      const int band = best < 0.5 ? 0 : best < 0.9 ? 1 : 2;
      in_band[band]++, of_band[band] += divergences.back();
      same += std::ranges::max_element(rows[i]) - rows[i].begin() ==
              std::ranges::max_element(base_rows[i]) - base_rows[i].begin();
    }
  }
  for (double x : nll) sum += x;
  const double n = nll.size(), mean = sum / n;
  for (double x : nll) squares += (x - mean) * (x - mean);

  Evaluation made = evaluate(model, text, options(), &base);
  EXPECT_EQ(made.windows, windows);
  EXPECT_EQ(made.scored, windows * 16);
  EXPECT_EQ(made.scored, static_cast<int64_t>(nll.size()));
  EXPECT_NEAR(made.nll, mean, 1e-6);
  EXPECT_NEAR(made.perplexity, std::exp(mean), 1e-5 * std::exp(mean));
  EXPECT_NEAR(made.perplexity_error, std::exp(mean) * std::sqrt(squares / n / (n - 1)), 1e-4);
  ASSERT_TRUE(made.against);
  const Divergence& d = *made.against;
  double total = 0;
  for (double x : divergences) total += x;
  std::ranges::sort(divergences);
  EXPECT_GT(d.mean, 0);
  EXPECT_NEAR(d.mean, total / n, 1e-6);
  EXPECT_NEAR(d.max, divergences.back(), 1e-5);
  EXPECT_NEAR(d.median, (divergences[n / 2 - 1] + divergences[n / 2]) / 2, 1e-6);
  EXPECT_LE(d.median, d.p90);
  EXPECT_LE(d.p90, d.p99);
  EXPECT_LE(d.p99, d.p999);
  EXPECT_LE(d.p999, d.max);
  EXPECT_NEAR(d.base_perplexity, std::exp(base_nll / n), 1e-5 * std::exp(base_nll / n));
  EXPECT_NEAR(d.log_ratio, std::log(made.perplexity / d.base_perplexity), 1e-9);
  EXPECT_NEAR(d.same_top, same / n, 1e-12);
  ASSERT_EQ(d.by_confidence.size(), 3u);
  EXPECT_TRUE(in_band[0] > 0 && in_band[1] > 0);
  for (int b : {0, 1, 2}) {
    EXPECT_EQ(d.by_confidence[b].tokens, in_band[b]);
    EXPECT_NEAR(d.by_confidence[b].mean * in_band[b], of_band[b], 1e-5);
  }

  Evaluation alone = evaluate(model, text, options());
  EXPECT_EQ(alone.nll, made.nll);
  EXPECT_FALSE(alone.against);
}

/// A copy of the model file that asks for a beginning-of-text token; it lives as long as this.
struct ModelThatBegins {
  explicit ModelThatBegins(const std::string& source) {
    std::ifstream in(source, std::ios::binary);
    std::string bytes(std::istreambuf_iterator<char>(in), {});
    const std::string key = "tokenizer.ggml.add_bos_token";
    bytes.at(bytes.find(key) + key.size() + sizeof(uint32_t)) = 1;  // behind the type comes the flag
    std::ofstream(path, std::ios::binary) << bytes;
  }
  ~ModelThatBegins() { std::filesystem::remove(path); }
  std::string path = testing::TempDir() + "ingot_evaluation_" + std::to_string(getpid()) + ".gguf";
};

TEST_F(Evaluating, EachWindowBeginsAsTextsDo) {
  ModelThatBegins file(path_);
  LoadOptions load;
  load.context = context;
  Model model = Model::load(file.path, load);
  std::vector<int32_t> ids = model.tokenizer().encode(text);
  ASSERT_EQ(ids.front(), model.tokenizer().bos());
  double nll = 0;
  for (int w = 0; w < 2; w++) {
    std::vector<int32_t> window(ids.begin() + w * context, ids.begin() + (w + 1) * context);
    window.front() = model.tokenizer().bos();
    auto rows = scored_logits(model, window);
    for (size_t i = 0; i < rows.size(); i++) nll -= plain_logprobs(rows[i])[window[context / 2 + 1 + i]];
  }
  EvaluateOptions o = options();
  o.windows = 2;
  EXPECT_NEAR(evaluate(model, text, o).nll, nll / 32, 1e-6);
  Model other = this->load();
  EXPECT_THROW(evaluate(model, text, o, &other), Error);  // it begins otherwise
}

TEST_F(Evaluating, AModelIsItself) {
  Model model = load();
  Evaluation made = evaluate(model, text, options(), &model);
  EXPECT_EQ(made.against->max, 0);
  EXPECT_EQ(made.against->same_top, 1);
  EXPECT_EQ(made.against->base_perplexity, made.perplexity);
}

TEST_F(Evaluating, SaysHowFarItIsAndStopsWhenAsked) {
  Model model = load();
  std::vector<double> seen;
  EvaluateOptions o = options();
  o.progress = [&](double done) { seen.push_back(done); };
  int64_t windows = evaluate(model, text, o).windows;
  EXPECT_TRUE(std::ranges::is_sorted(seen));
  EXPECT_EQ(seen.back(), 1);
  o.windows = 2;
  EXPECT_EQ(evaluate(model, text, o).windows, 2);
  o.windows = 1000;
  EXPECT_EQ(evaluate(model, text, o).windows, windows);
  o.stop = [] { return true; };
  EXPECT_EQ(evaluate(model, text, o).windows, 1);
}

TEST_F(Evaluating, RefusesWhatCannotBe) {
  Model model = load();
  EvaluateOptions o = options();
  EXPECT_THROW(evaluate(model, "too short", o), Error);
  EXPECT_THROW(evaluate(model, "", o), Error);
  for (int wrong : {-1, 0, 3, context + 1, 1 << 30}) {
    o.context = wrong;
    EXPECT_THROW(evaluate(model, text, o), Error) << wrong;
  }
  o = options();
  o.windows = -1;
  EXPECT_THROW(evaluate(model, text, o), Error);
  Model shorter = load("", context - 1);
  EXPECT_THROW(evaluate(model, text, options(), &shorter), Error);
  if (auto other = model_path("synthetic/gemma3-window.gguf")) {
    Model stranger = Model::load(*other);
    EXPECT_THROW(evaluate(model, text, options(), &stranger), Error);
  }
}

}  // namespace
}  // namespace ingot::tests
