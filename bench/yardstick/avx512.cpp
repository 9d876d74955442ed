// Yardsticks on AVX-512 with VNNI: 16 rows a group, two groups at once, which share what is loaded of the token.
#include <immintrin.h>

#include <cstring>

#include "yardstick/yardstick.h"

namespace ingot::yardstick {

// A tile: 16 scales (f16), then 4 vectors of codes; quad 2i in the low nibbles of vector i, quad 2i + 1 in the high ones. High nibbles
// are multiplied where they are, 16 times too large: their sum is a multiple of 16, so one shift a tile puts it right exactly.
void q4_0_avx512(const Call& c) {
  constexpr int tile_bytes = 32 + 256, ahead = 2048;
  const __m512i low = _mm512_set1_epi8(0x0f), high = _mm512_set1_epi8(char(0xf0)), minus8 = _mm512_set1_epi16(-8);
  int64_t blocks = c.cols / 32;
  for (int64_t g = 0; g < c.groups; g += 2) {
    const uint8_t *a = c.tiles + g * blocks * tile_bytes, *b = a + blocks * tile_bytes;
    __m512 acc_a = _mm512_setzero_ps(), acc_b = _mm512_setzero_ps();
    for (int64_t k = 0; k < blocks; k++, a += tile_bytes, b += tile_bytes) {
      for (int line = 0; line < 256; line += 64) _mm_prefetch((const char*)a + line + ahead, _MM_HINT_T0), _mm_prefetch((const char*)b + line + ahead, _MM_HINT_T0);
      int32_t x[8], pair;
      memcpy(x, c.codes + 32 * k, 32), memcpy(&pair, c.sums + 2 * k, 4);
      __m512i low_a = _mm512_madd_epi16(_mm512_set1_epi32(pair), minus8), low_b = low_a;  // −8 · Σ x
      __m512i high_a = _mm512_setzero_si512(), high_b = high_a;
      for (int i = 0; i < 4; i++) {
        __m512i w_a = _mm512_loadu_si512(a + 32 + 64 * i), w_b = _mm512_loadu_si512(b + 32 + 64 * i);
        __m512i x_low = _mm512_set1_epi32(x[2 * i]), x_high = _mm512_set1_epi32(x[2 * i + 1]);
        low_a = _mm512_dpbusd_epi32(low_a, _mm512_and_si512(w_a, low), x_low), low_b = _mm512_dpbusd_epi32(low_b, _mm512_and_si512(w_b, low), x_low);
        high_a = _mm512_dpbusd_epi32(high_a, _mm512_and_si512(w_a, high), x_high), high_b = _mm512_dpbusd_epi32(high_b, _mm512_and_si512(w_b, high), x_high);
      }
      __m512i sum_a = _mm512_add_epi32(low_a, _mm512_srai_epi32(high_a, 4)), sum_b = _mm512_add_epi32(low_b, _mm512_srai_epi32(high_b, 4));
      __m512 x_scale = _mm512_set1_ps(c.scales[k]);
      __m512 scale_a = _mm512_mul_ps(_mm512_cvtph_ps(_mm256_loadu_si256((const __m256i*)a)), x_scale);
      __m512 scale_b = _mm512_mul_ps(_mm512_cvtph_ps(_mm256_loadu_si256((const __m256i*)b)), x_scale);
      acc_a = _mm512_fmadd_ps(_mm512_cvtepi32_ps(sum_a), scale_a, acc_a), acc_b = _mm512_fmadd_ps(_mm512_cvtepi32_ps(sum_b), scale_b, acc_b);
    }
    _mm512_storeu_ps(c.y + 16 * g, _mm512_mul_ps(acc_a, _mm512_set1_ps(c.scale)));
    _mm512_storeu_ps(c.y + 16 * g + 16, _mm512_mul_ps(acc_b, _mm512_set1_ps(c.scale)));
  }
}

// A tile: 16 scales (f16), then 8 vectors of codes, one a quad.
void q8_0_avx512(const Call& c) {
  constexpr int tile_bytes = 32 + 512, ahead = 2048;
  const __m512i minus128 = _mm512_set1_epi16(-128);
  int64_t blocks = c.cols / 32;
  for (int64_t g = 0; g < c.groups; g += 2) {
    const uint8_t *a = c.tiles + g * blocks * tile_bytes, *b = a + blocks * tile_bytes;
    __m512 acc_a = _mm512_setzero_ps(), acc_b = _mm512_setzero_ps();
    for (int64_t k = 0; k < blocks; k++, a += tile_bytes, b += tile_bytes) {
      for (int line = 0; line < 512; line += 64) _mm_prefetch((const char*)a + line + ahead, _MM_HINT_T0), _mm_prefetch((const char*)b + line + ahead, _MM_HINT_T0);
      int32_t x[8], pair;
      memcpy(x, c.codes + 32 * k, 32), memcpy(&pair, c.sums + 2 * k, 4);
      __m512i even_a = _mm512_madd_epi16(_mm512_set1_epi32(pair), minus128), even_b = even_a;  // −128 · Σ x
      __m512i odd_a = _mm512_setzero_si512(), odd_b = odd_a;
      for (int q = 0; q < 8; q += 2) {
        __m512i x_even = _mm512_set1_epi32(x[q]), x_odd = _mm512_set1_epi32(x[q + 1]);
        even_a = _mm512_dpbusd_epi32(even_a, _mm512_loadu_si512(a + 32 + 64 * q), x_even), even_b = _mm512_dpbusd_epi32(even_b, _mm512_loadu_si512(b + 32 + 64 * q), x_even);
        odd_a = _mm512_dpbusd_epi32(odd_a, _mm512_loadu_si512(a + 96 + 64 * q), x_odd), odd_b = _mm512_dpbusd_epi32(odd_b, _mm512_loadu_si512(b + 96 + 64 * q), x_odd);
      }
      __m512i sum_a = _mm512_add_epi32(even_a, odd_a), sum_b = _mm512_add_epi32(even_b, odd_b);
      __m512 x_scale = _mm512_set1_ps(c.scales[k]);
      __m512 scale_a = _mm512_mul_ps(_mm512_cvtph_ps(_mm256_loadu_si256((const __m256i*)a)), x_scale);
      __m512 scale_b = _mm512_mul_ps(_mm512_cvtph_ps(_mm256_loadu_si256((const __m256i*)b)), x_scale);
      acc_a = _mm512_fmadd_ps(_mm512_cvtepi32_ps(sum_a), scale_a, acc_a), acc_b = _mm512_fmadd_ps(_mm512_cvtepi32_ps(sum_b), scale_b, acc_b);
    }
    _mm512_storeu_ps(c.y + 16 * g, _mm512_mul_ps(acc_a, _mm512_set1_ps(c.scale)));
    _mm512_storeu_ps(c.y + 16 * g + 16, _mm512_mul_ps(acc_b, _mm512_set1_ps(c.scale)));
  }
}

}  // namespace ingot::yardstick
