#include "gemm_reference.h"

#include <cmath>
#include <cstring>
#include <random>

namespace reference {
namespace {

#include "dialect/cpp.h"
#include "dialect/contract.h"
#include "quant/facts.h"
#include "quant/decode.h"
#include "quant/as_table.h"
#include "quant/resident.h"
#include "quant/pack_row.h"
#include "gemv/params.h"
#include "gemv/plain.h"

#include "iq2_xs.h"
#include "iq4_xs.h"
#include "mxfp4.h"
#include "nvfp4.h"
#include "q1_0.h"
#include "q2_k.h"
#include "q3_k.h"
#include "q4_0.h"
#include "q4_k.h"
#include "q5_1.h"
#include "q6_k.h"
#include "q8_0.h"
#include "kernels/synthetic_formats.h"

template <class F> void pack_whole_row(const uint8_t* row, int64_t cols, int lane, uint8_t* row_group) {
  typedef typename resident_form<F>::type Form;
  for (int64_t b = 0; b < cols / F::block; b++)
    pack_row<Form>(view{row + b * F::block_bytes}, lane, 32, row_group + b * resident<Form, 32>::tile_bytes,
                   facts<Form>::affine && (int)Form::code_bits == 8 ? 0x80 : 0);
}
template <class F> float plain_of(const uint8_t* row, int64_t cols, const int8_t* codes, const float* scales) {
  return gemv_plain_in_runs<F>(row, cols, codes, scales);
}
template <class F> void decode_row(const uint8_t* row, int64_t cols, float* weights) {
  for (int64_t k = 0; k < cols; k++)
    weights[k] = decode<F>(view{row + k / F::block * F::block_bytes}, int(k % F::block));
}
template <class F> Format described(const char* name) {
  typedef typename resident_form<F>::type Form;
  return {name,        F::block,     F::block_bytes, resident<Form, 32>::tile_bytes, pack_whole_row<F>,
          plain_of<F>, decode_row<F>};
}
const Format formats[] = {described<q4_0>("q4_0"),
                          described<q4_k>("q4_k"),
                          described<q6_k>("q6_k"),
                          described<q8_0>("q8_0"),
                          described<iq4_xs>("iq4_xs"),
                          described<q2_k>("q2_k"),
                          described<q3_k>("q3_k"),
                          described<q5_1>("q5_1"),
                          described<q1_0>("q1_0"),
                          described<mxfp4>("mxfp4"),
                          described<nvfp4>("nvfp4"),
                          described<iq2_xs>("iq2_xs"),
                          described<min_by_group>("min_by_group"),
                          described<sub_min_by_group>("sub_min_by_group"),
                          described<wide_groups>("wide_groups"),
                          described<unsigned_bytes>("unsigned_bytes"),
                          described<eight_values>("eight_values"),
                          described<large_subs>("large_subs"),
                          described<four_values>("four_values")};

}  // namespace

const Format& format(const char* name) {
  for (const Format& f : formats)
    if (!std::strcmp(f.name, name)) return f;
  throw name;
}

Matrix random_matrix(const Format& format, int64_t rows, int64_t cols, uint32_t seed) {
  std::mt19937 random(seed);
  Matrix m = {&format, rows, cols, std::vector<uint8_t>(rows * format.row_bytes(cols)), {}};
  std::vector<float> weights(format.block);
  for (size_t at = 0; at < m.file.size(); at += format.block_bytes)
    for (bool moderate = false; !moderate;) {
      for (int i = 0; i < format.block_bytes; i++) m.file[at + i] = static_cast<uint8_t>(random());
      format.decode(&m.file[at], format.block, weights.data());
      moderate = true;
      for (float w : weights) moderate = moderate && std::fabs(w) < 1e4f;  // also refuses NaN
    }
  int64_t group_bytes = cols / format.block * format.tile_bytes;
  m.packed.resize((rows + 31) / 32 * group_bytes);
  for (int64_t r = 0; r < rows; r++)
    format.pack_row(m.file.data() + r * format.row_bytes(cols), cols, int(r % 32),
                    m.packed.data() + r / 32 * group_bytes);
  return m;
}

Input quantized(const std::vector<float>& values, int64_t tokens, int64_t cols) {
  Input x = {tokens, cols, std::vector<float>(tokens * cols / 32), std::vector<int8_t>(tokens * cols),
             std::vector<int32_t>(tokens * cols / 16)};
  for (int64_t i = 0; i < tokens * cols; i += 32) {
    float max = 0;
    for (int64_t k = i; k < i + 32; k++) max = std::fmax(max, std::fabs(values[k]));
    bool none = max < 1e-30f;
    float factor = none ? 0 : 127.0f / max;
    x.scales[i / 32] = none ? 0 : max / 127.0f;
    for (int64_t k = i; k < i + 32; k++)
      x.codes[k] = static_cast<int8_t>(std::nearbyint(values[k] * factor)), x.sums[k / 16] += x.codes[k];
  }
  return x;
}
Input random_input(int64_t tokens, int64_t cols, uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> values(tokens * cols);
  for (float& v : values) v = normal(random);
  return quantized(values, tokens, cols);
}

float plain(const Matrix& m, const Input& x, int64_t row, int64_t token) {
  return m.format->plain(m.file.data() + row * m.format->row_bytes(m.cols), m.cols, x.codes.data() + token * m.cols,
                         x.scales.data() + token * m.cols / 32);
}

std::vector<Exact> exact(const Matrix& m, const Input& x, int64_t row) {
  std::vector<float> weights(m.cols);
  m.format->decode(m.file.data() + row * m.format->row_bytes(m.cols), m.cols, weights.data());
  std::vector<Exact> all(x.tokens);
  for (int64_t t = 0; t < x.tokens; t++) {
    double size = 0;
    for (int64_t k = 0; k < m.cols; k++) {
      double term = weights[k] * (double(x.codes[t * m.cols + k]) * x.scales[(t * m.cols + k) / 32]);
      all[t].value += term;
      size += std::fabs(term);
    }
    all[t].error = size * double(m.cols) / 8 * 0x1p-24 +
                   1e-30;  // one rounding a chunk and term, each within 2^-23 of the magnitudes
  }
  return all;
}

}  // namespace reference
