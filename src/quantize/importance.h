// Importances as quantizing uses them: the mean of the squares of each input of a matrix. Their files are GGUF as
// llama.cpp's imatrix writes them: for every matrix NAME two tensors, NAME.in_sum2 (columns, experts), sums of squares,
// and NAME.counts (1, experts), how many were added.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "container/gguf.h"
#include "ingot/importance.h"

namespace ingot::quantize {

/// By name of the matrix: [experts][columns] means of squares, finite and not negative.
using Means = std::map<std::string, std::vector<float>, std::less<>>;

/// Errors: no counts, or sums that are not equally many for each; numbers that are negative or that no float holds.
void check(const Importance& importance);

/// Errors: none of the matrices is in the file.
void check_names(const Means& means, const container::Gguf& file);

/// An expert of which nothing is known has ones. Errors: as `check`.
Means means_of(const Importance& importance);

}  // namespace ingot::quantize
