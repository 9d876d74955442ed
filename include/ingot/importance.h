// How much each input of a model's matrices counts: measured over a text, kept in files as llama.cpp's imatrix tool
// writes them, added up, and used where weights are quantized.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "ingot/ingot.h"

namespace ingot {

/// Of one matrix, or of one for each expert.
struct MatrixImportance {
  std::vector<double> sums;    ///< (experts, cols) of the squares of each input
  std::vector<double> counts;  ///< (experts) how many squares each sum has
};

struct Importance {
  std::map<std::string, MatrixImportance, std::less<>> matrices;  ///< by the name of the tensor
  std::vector<std::string> texts;                                 ///< what they were measured over, for people
  uint64_t windows = 0;
  int context = 0;  ///< tokens of a window; 0: windows differ
  /// Adds what was measured of the same model over another text. Errors: a matrix has another shape there.
  void add(const Importance& other);
};

struct ImportanceOptions : EvaluateOptions {
  bool head = true;  ///< also of the matrix that gives the logits, which then are computed for every token
};

/// Runs `text` through `model` in windows, as `evaluate` does, and adds up the squares of every matrix's inputs for all
/// tokens of a window. `stop`: the result is that of the windows so far. Embeddings have none, unless they are the head
/// too. Errors: as `evaluate`; a device that cannot hand out inputs; inputs that are not finite.
Importance measure_importance(const Model& model, std::string_view text, const ImportanceOptions& options = {});

/// Reads a GGUF file: for every matrix NAME the tensors NAME.in_sum2 (cols, experts) and NAME.counts (1, experts).
/// Errors: no such file; counts that do not fit; numbers that are negative or not finite.
Importance read_importance(const std::string& path);

/// Writes such a file, which appears when it is whole and on the disk. Errors: it cannot be written; sums that are not
/// so many for each count; numbers that are negative or too large for a float.
void write_importance(const std::string& path, const Importance& importance);

}  // namespace ingot
