// What `ingot judge` measures, and how it is written: as a table, as JSON, and as a page of HTML.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "error_table.h"
#include "ingot/compare.h"
#include "ingot/ingot.h"
#include "json_output.h"
#include "output.h"
#include "speed.h"

namespace ingot::apps {

struct Speeds {
  Rates prompt, answer;                 // tokens/s
  double read_bandwidth = 0;            // bytes/s, of the machine with the same threads
  uint64_t weight_bytes_per_token = 0;  // that writing one token reads
  bool measured() const { return answer.median > 0; }
  double share() const {
    return read_bandwidth > 0 ? answer.median * double(weight_bytes_per_token) / read_bandwidth : 0;
  }
};

/// As those of a verdict; weighted: where all matrices of the layer have importances.
struct LayerError {
  double error = 0;
  std::optional<double> weighted;
};

/// One way to quantize the reference.
struct Verdict {
  std::string name;
  uint64_t file_bytes = 0, memory_bytes = 0;  // memory: of the weights as they are run
  double bits = 0, matrix_bits = 0;           // per weight: of the file, and of the matrices that got a format
  int matrices = 0, with_importance = 0;      // that differ from the reference's; of them, those with importances
  double error = 0;                           // root of the mean over matrices of squared relative errors
  std::optional<double> weighted;             // likewise, of those with importances
  std::map<std::string, int> formats;         // of matrices that got one
  std::vector<KindErrors> kinds;
  std::map<int, LayerError> layers;
  double encode_weights_per_s = 0;
  Evaluation evaluation;  // against the reference
  Speeds speeds;
  bool on_front = false;  // none other has fewer bits and a smaller divergence
};

/// A format that could not be judged.
struct Failure {
  std::string name, message;
};

struct Judgement {
  std::string model, text, importance, machine, isa;
  int threads = 0;
  uint64_t file_bytes = 0, memory_bytes = 0, parameters = 0;
  double bits = 0;
  std::map<std::string, int> quantized;  // formats of the reference's matrices that are not floats, and how many
  Evaluation evaluation;                 // of the reference; `against` is the noise floor where there is one
  std::string noise;                     // format of keys and values for the noise floor; "": there is none
  Speeds speeds;
  std::vector<Verdict> verdicts;
  std::vector<Failure> failures;
  bool interrupted = false;
};

/// Sets on_front.
void mark_front(std::vector<Verdict>& verdicts);

/// "the reference is quantized itself: …"; "" where it is not.
std::string quantized_text(const Judgement& judgement);
/// "The reference's KL is its noise floor: …"; "" where there is none.
std::string noise_text(const Judgement& judgement);
/// "8.88 %", with of how many matrices where some have no importances; "" without importances.
std::string weighted_text(const Verdict& verdict);
/// Half the width of the interval that holds a mean with a probability of 95 %, from its standard error.
constexpr double interval(double standard_error) { return 1.96 * standard_error; }

Json to_json(const Judgement& judgement);
Styled judgement_table(const Judgement& judgement);
/// A page that needs no other file and no network.
std::string judgement_html(const Judgement& judgement);

}  // namespace ingot::apps
