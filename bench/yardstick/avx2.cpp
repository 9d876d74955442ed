// Yardsticks on AVX2 with FMA and F16C: 8 rows a group, two groups at once, which share what is loaded of the token.
#include <immintrin.h>

#include <cstring>

#include "yardstick/yardstick.h"

namespace ingot::yardstick {

// A tile: 8 scales (f16), then 4 vectors of codes; quad 2i in the low nibbles of vector i, quad 2i + 1 in the high ones. A chunk's
// products fit 16 bits: 16 · 15 · 127 = 30480.
void q4_0_avx2(const Call& c) {
  constexpr int tile_bytes = 16 + 128, ahead = 2048;
  const __m256i low = _mm256_set1_epi8(0x0f), ones = _mm256_set1_epi16(1), minus8 = _mm256_set1_epi16(-8);
  int64_t blocks = c.cols / 32;
  for (int64_t g = 0; g < c.groups; g += 2) {
    const uint8_t *a = c.tiles + g * blocks * tile_bytes, *b = a + blocks * tile_bytes;
    __m256 acc_a = _mm256_setzero_ps(), acc_b = _mm256_setzero_ps();
    for (int64_t k = 0; k < blocks; k++, a += tile_bytes, b += tile_bytes) {
      for (int line = 0; line < 128; line += 64) _mm_prefetch((const char*)a + line + ahead, _MM_HINT_NTA), _mm_prefetch((const char*)b + line + ahead, _MM_HINT_NTA);
      int32_t x[8], pair;
      memcpy(x, c.codes + 32 * k, 32), memcpy(&pair, c.sums + 2 * k, 4);
      __m256i pairs_a = _mm256_setzero_si256(), pairs_b = pairs_a;
      for (int i = 0; i < 4; i++) {
        __m256i w_a = _mm256_loadu_si256((const __m256i*)(a + 16 + 32 * i)), w_b = _mm256_loadu_si256((const __m256i*)(b + 16 + 32 * i));
        __m256i x_low = _mm256_set1_epi32(x[2 * i]), x_high = _mm256_set1_epi32(x[2 * i + 1]);
        pairs_a = _mm256_add_epi16(pairs_a, _mm256_maddubs_epi16(_mm256_and_si256(w_a, low), x_low));
        pairs_b = _mm256_add_epi16(pairs_b, _mm256_maddubs_epi16(_mm256_and_si256(w_b, low), x_low));
        pairs_a = _mm256_add_epi16(pairs_a, _mm256_maddubs_epi16(_mm256_and_si256(_mm256_srli_epi16(w_a, 4), low), x_high));
        pairs_b = _mm256_add_epi16(pairs_b, _mm256_maddubs_epi16(_mm256_and_si256(_mm256_srli_epi16(w_b, 4), low), x_high));
      }
      __m256i start = _mm256_madd_epi16(_mm256_set1_epi32(pair), minus8);  // −8 · Σ x
      __m256i sum_a = _mm256_add_epi32(start, _mm256_madd_epi16(pairs_a, ones)), sum_b = _mm256_add_epi32(start, _mm256_madd_epi16(pairs_b, ones));
      __m256 x_scale = _mm256_set1_ps(c.scales[k]);
      __m256 scale_a = _mm256_mul_ps(_mm256_cvtph_ps(_mm_loadu_si128((const __m128i*)a)), x_scale);
      __m256 scale_b = _mm256_mul_ps(_mm256_cvtph_ps(_mm_loadu_si128((const __m128i*)b)), x_scale);
      acc_a = _mm256_fmadd_ps(_mm256_cvtepi32_ps(sum_a), scale_a, acc_a), acc_b = _mm256_fmadd_ps(_mm256_cvtepi32_ps(sum_b), scale_b, acc_b);
    }
    _mm256_storeu_ps(c.y + 8 * g, _mm256_mul_ps(acc_a, _mm256_set1_ps(c.scale)));
    _mm256_storeu_ps(c.y + 8 * g + 8, _mm256_mul_ps(acc_b, _mm256_set1_ps(c.scale)));
  }
}

// A tile: 8 scales (f16), then 8 vectors of signed codes, one a quad. |w| times x with w's sign: a code of −128 forbids the other way
// round, which would need |x| only once for all rows.
void q8_0_avx2(const Call& c) {
  constexpr int tile_bytes = 16 + 256, ahead = 2048;
  const __m256i ones = _mm256_set1_epi16(1);
  int64_t blocks = c.cols / 32;
  for (int64_t g = 0; g < c.groups; g += 2) {
    const uint8_t *a = c.tiles + g * blocks * tile_bytes, *b = a + blocks * tile_bytes;
    __m256 acc_a = _mm256_setzero_ps(), acc_b = _mm256_setzero_ps();
    for (int64_t k = 0; k < blocks; k++, a += tile_bytes, b += tile_bytes) {
      for (int line = 0; line < 256; line += 64) _mm_prefetch((const char*)a + line + ahead, _MM_HINT_NTA), _mm_prefetch((const char*)b + line + ahead, _MM_HINT_NTA);
      int32_t x[8];
      memcpy(x, c.codes + 32 * k, 32);
      __m256i sum_a = _mm256_setzero_si256(), sum_b = sum_a;
      for (int q = 0; q < 8; q++) {
        __m256i w_a = _mm256_loadu_si256((const __m256i*)(a + 16 + 32 * q)), w_b = _mm256_loadu_si256((const __m256i*)(b + 16 + 32 * q));
        __m256i x_q = _mm256_set1_epi32(x[q]);
        __m256i pairs_a = _mm256_maddubs_epi16(_mm256_abs_epi8(w_a), _mm256_sign_epi8(x_q, w_a));
        __m256i pairs_b = _mm256_maddubs_epi16(_mm256_abs_epi8(w_b), _mm256_sign_epi8(x_q, w_b));
        sum_a = _mm256_add_epi32(sum_a, _mm256_madd_epi16(pairs_a, ones)), sum_b = _mm256_add_epi32(sum_b, _mm256_madd_epi16(pairs_b, ones));
      }
      __m256 x_scale = _mm256_set1_ps(c.scales[k]);
      __m256 scale_a = _mm256_mul_ps(_mm256_cvtph_ps(_mm_loadu_si128((const __m128i*)a)), x_scale);
      __m256 scale_b = _mm256_mul_ps(_mm256_cvtph_ps(_mm_loadu_si128((const __m128i*)b)), x_scale);
      acc_a = _mm256_fmadd_ps(_mm256_cvtepi32_ps(sum_a), scale_a, acc_a), acc_b = _mm256_fmadd_ps(_mm256_cvtepi32_ps(sum_b), scale_b, acc_b);
    }
    _mm256_storeu_ps(c.y + 8 * g, _mm256_mul_ps(acc_a, _mm256_set1_ps(c.scale)));
    _mm256_storeu_ps(c.y + 8 * g + 8, _mm256_mul_ps(acc_b, _mm256_set1_ps(c.scale)));
  }
}

}  // namespace ingot::yardstick
