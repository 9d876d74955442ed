// How much each input of a matrix counts: the mean of its squares over a text. Files are GGUF as llama.cpp's imatrix
// writes them: for every matrix NAME two tensors, NAME.in_sum2 (columns, experts), sums of squares, and NAME.counts
// (1, experts), how many were added.
#pragma once
#include <map>
#include <string>
#include <vector>

namespace ingot::quantize {

/// By name of the matrix: [experts][columns] means of squares, finite and not negative.
using Importance = std::map<std::string, std::vector<float>, std::less<>>;

/// Errors: no such file; counts that do not fit; numbers that are negative or not finite.
Importance read_importance(const std::string& path);

}  // namespace ingot::quantize
