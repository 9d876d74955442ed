// Every sampler against llama.cpp's, on the distributions that tools/goldens/samplers.py wrote down.
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "sampling/mirostat.h"
#include "sampling/penalties.h"
#include "sampling/samplers.h"

namespace ingot::sampling {
namespace {

using Json = nlohmann::json;

/// Runs the sampler of a case on `c`.
void apply(const Json& a_case, Candidates& c) {
  const Json& options = a_case["options"];
  auto option = [&](const char* name) { return options.value(name, 0.0f); };
  auto whole = [&](const char* name) { return options.value(name, 0); };
  std::vector<int32_t> text = a_case.value("text", std::vector<int32_t>());
  std::string name = a_case["sampler"];
  if (name == "top_k") return top_k(c, whole("top_k"));
  if (name == "top_p") return top_p(c, option("top_p"));
  if (name == "min_p") return min_p(c, option("min_p"));
  if (name == "typ_p") return typical(c, option("typical_p"));
  if (name == "top_n_sigma") return top_n_sigma(c, option("top_n_sigma"));
  if (name == "xtc") return xtc(c, option("xtc_threshold"));
  if (name == "temperature") return temperature(c, option("temperature"));
  if (name == "dynamic_temperature")
    return temperature(
        c, dynamic_temperature(c, option("temperature"), option("dynatemp_range"), option("dynatemp_exponent")));
  SamplingOptions o;
  o.repeat_last_n = whole("repeat_last_n"), o.repeat_penalty = option("repeat_penalty");
  o.frequency_penalty = option("frequency_penalty"), o.presence_penalty = option("presence_penalty");
  o.dry_multiplier = option("dry_multiplier"), o.dry_base = option("dry_base");
  o.dry_allowed_length = whole("dry_allowed_length"), o.dry_penalty_last_n = whole("dry_penalty_last_n"),
  o.dry_sequence_breakers = {};
  int vocab = static_cast<int>(c.size());
  if (name == "penalties") return Penalties(vocab).apply(c, text, o);
  if (name == "dry") return Dry(vocab, [](int32_t) { return std::string(); }, o).apply(c, text, o);
  ASSERT_EQ(name, "mirostat");
  Mirostat(option("mirostat_ent"), 0.1f).choose(c, 0);
}

TEST(Oracle, LeavesWhatLlamaCppLeaves) {
  std::ifstream file(INGOT_SOURCE_DIR "/tests/sampling/golden/llama.cpp.json");
  std::map<std::string, int> cases;
  for (const Json& a_case : Json::parse(file)) {
    SCOPED_TRACE(a_case["sampler"].get<std::string>() + " " + a_case["options"].dump());
    std::vector<float> logits = a_case["logits"];
    Candidates c(static_cast<int>(logits.size()));
    for (size_t i = 0; i < logits.size(); i++) c.add(static_cast<int32_t>(i), logits[i]);
    apply(a_case, c);
    c.sort(c.size());
    double total;
    std::span<double> weights = c.weights(total);
    const Json& left = a_case["left"];
    ASSERT_EQ(c.size(), left.size());
    for (size_t i = 0; i < c.size(); i++) {
      EXPECT_EQ(c[i].id, left[i][0].get<int32_t>()) << "place " << i;
      EXPECT_NEAR(weights[i] / total, left[i][1].get<double>(), 2e-6) << "place " << i;
    }
    cases[a_case["sampler"]]++;
  }
  EXPECT_EQ(cases.size(), 11u);
}

}  // namespace
}  // namespace ingot::sampling
