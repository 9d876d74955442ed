// What the device test of the matrix kernel compares with: formats as the host reads them, packed for a GPU, and
// outputs in the order of gemv/params.h and in float64. A translation unit of its own, because here the dialect is C++.
#pragma once
#include <cstdint>
#include <vector>

namespace reference {

struct Format {
  const char* name;
  int block, block_bytes, tile_bytes;
  /// One row of blocks into one lane of a row group of 32: tiles one after another.
  void (*pack_row)(const uint8_t* row, int64_t cols, int lane, uint8_t* row_group);
  float (*plain)(const uint8_t* row, int64_t cols, const int8_t* codes, const float* scales);
  void (*decode)(const uint8_t* row, int64_t cols, float* weights);

  int64_t row_bytes(int64_t cols) const { return cols / block * block_bytes; }
};
const Format& format(const char* name);

struct Matrix {
  const Format* format;
  int64_t rows, cols;
  std::vector<uint8_t> file, packed;
};
/// Random bytes that decode to moderate numbers, and the same packed.
Matrix random_matrix(const Format& format, int64_t rows, int64_t cols, uint32_t seed);

struct Input {
  int64_t tokens, cols;
  std::vector<float> scales;
  std::vector<int8_t> codes;
  std::vector<int32_t> sums;
};
Input quantized(const std::vector<float>& values, int64_t tokens, int64_t cols);
Input random_input(int64_t tokens, int64_t cols, uint32_t seed);

float plain(const Matrix& m, const Input& x, int64_t row, int64_t token);
struct Exact {
  double value, error;  ///< and how far a float sum of chunks may be off
};
/// The rows' weights against all tokens; exact[token].
std::vector<Exact> exact(const Matrix& m, const Input& x, int64_t row);

}  // namespace reference
