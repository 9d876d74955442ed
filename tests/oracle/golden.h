// Reads one file of tests/oracle/golden: what llama.cpp says of some token sequences. Made by tools/goldens/logits.py
// (real models) and tools/goldens/make_models.py (synthetic ones).
#pragma once
#include <cstdint>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <ostream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace ingot::tests {

using Candidate = std::pair<int32_t, double>;  ///< id and its log-probability

/// A prompt, the tokens after it, and the five best candidates for the place of each of them, best first.
struct GoldenCase {
  std::string prompt;  ///< empty: only ids
  std::vector<int32_t> prompt_ids, ids;
  std::vector<std::vector<Candidate>> top;  ///< [ids.size()][5]
};

/// How far llama.cpp is from these goldens when it runs the quantized file itself, with int8 activations.
struct Peer {
  double top1_share, worst_gap, mean_difference;
};

struct GoldenModel {
  std::string name, file;
  std::optional<Peer> peer;  ///< real models: the goldens are of the same weights as F32
  std::vector<GoldenCase> cases;
};

/// The name that GoogleTest shows for a test with this parameter.
inline void PrintTo(const GoldenModel& model, std::ostream* out) { *out << model.name; }

/// The models of `golden/FILE.json`. Throws std::runtime_error or a JSON error when the file is not as it should be.
inline std::vector<GoldenModel> read_golden(const std::string& file) {
  std::string path = std::string(INGOT_SOURCE_DIR "/tests/oracle/golden/") + file + ".json";
  std::ifstream stream(path);
  if (!stream) throw std::runtime_error("cannot read " + path);
  std::vector<GoldenModel> models;
  const nlohmann::json golden = nlohmann::json::parse(stream);
  for (const auto& m : golden.at("models")) {
    GoldenModel model{m.at("name"), m.at("file"), {}, {}};
    if (m.contains("peer"))
      model.peer = Peer{m["peer"].at("top1_share"), m["peer"].at("worst_gap"), m["peer"].at("mean_difference")};
    for (const auto& c : m.at("cases")) {
      model.cases.push_back({c.value("prompt", ""), c.at("prompt_ids"), c.at("ids"), c.at("top")});
      const GoldenCase& last = model.cases.back();
      if (last.ids.empty() || last.prompt_ids.empty() || last.top.size() != last.ids.size())
        throw std::runtime_error(path + " has a case of unequal lengths");
    }
    if (model.cases.empty()) throw std::runtime_error(path + " has a model without cases");
    models.push_back(std::move(model));
  }
  return models;
}

}  // namespace ingot::tests
