// Yardsticks on AVX2 with FMA and F16C: 8 rows a group.
#include <immintrin.h>

#include "yardstick.h"

namespace ingot::yardstick {

// A tile: 8 scales (f16), then 4 vectors of codes; quad 2i in the low nibbles of vector i, quad 2i + 1 in the high
// ones. Half a chunk's products fit 16 bits, and so would all of them: 16 · 15 · 127 = 30480.
void q4_0_avx2(const Call& c) {
  constexpr int tile_bytes = 16 + 128, ahead = 2048;
  const __m256i low = _mm256_set1_epi8(0x0f), ones = _mm256_set1_epi16(1), minus8 = _mm256_set1_epi16(-8);
  int64_t blocks = c.cols / 32;
  const uint8_t* tile = c.tiles;
  for (int64_t g = 0; g < c.groups; g++) {
    __m256 acc = _mm256_setzero_ps();
    for (int64_t k = 0; k < blocks; k++, tile += tile_bytes) {
      for (int line = 0; line < 128; line += 64) _mm_prefetch((const char*)tile + line + ahead, _MM_HINT_NTA);
      const int8_t* x = c.codes + 32 * k;
      __m256i lows = _mm256_setzero_si256(), highs = _mm256_setzero_si256();
      for (int i = 0; i < 4; i++) {
        __m256i w = _mm256_loadu_si256((const __m256i*)(tile + 16 + 32 * i));
        lows = _mm256_add_epi16(
            lows, _mm256_maddubs_epi16(_mm256_and_si256(w, low), _mm256_broadcastd_epi32(_mm_loadu_si32(x + 8 * i))));
        highs = _mm256_add_epi16(highs, _mm256_maddubs_epi16(_mm256_and_si256(_mm256_srli_epi16(w, 4), low),
                                                             _mm256_broadcastd_epi32(_mm_loadu_si32(x + 8 * i + 4))));
      }
      __m256i start = _mm256_madd_epi16(_mm256_broadcastd_epi32(_mm_loadu_si32(c.sums + 2 * k)), minus8);  // −8 · Σ x
      __m256i sum = _mm256_add_epi32(start, _mm256_madd_epi16(_mm256_add_epi16(lows, highs), ones));
      __m256 scale = _mm256_mul_ps(_mm256_cvtph_ps(_mm_loadu_si128((const __m128i*)tile)), _mm256_set1_ps(c.scales[k]));
      acc = _mm256_fmadd_ps(_mm256_cvtepi32_ps(sum), scale, acc);
    }
    _mm256_storeu_ps(c.y + 8 * g, _mm256_mul_ps(acc, _mm256_set1_ps(c.scale)));
  }
}

// A tile: 8 scales (f16), then 8 vectors of signed codes, one a quad. |w| times x with w's sign: a code of −128 forbids
// the other way round, which would need |x| only once for all rows.
void q8_0_avx2(const Call& c) {
  constexpr int tile_bytes = 16 + 256, ahead = 2048;
  const __m256i ones = _mm256_set1_epi16(1);
  int64_t blocks = c.cols / 32;
  const uint8_t* tile = c.tiles;
  for (int64_t g = 0; g < c.groups; g++) {
    __m256 acc = _mm256_setzero_ps();
    for (int64_t k = 0; k < blocks; k++, tile += tile_bytes) {
      for (int line = 0; line < 256; line += 64) _mm_prefetch((const char*)tile + line + ahead, _MM_HINT_NTA);
      const int8_t* x = c.codes + 32 * k;
      __m256i even = _mm256_setzero_si256(), odd = _mm256_setzero_si256();
      for (int q = 0; q < 8; q += 2) {
        __m256i v = _mm256_loadu_si256((const __m256i*)(tile + 16 + 32 * q)),
                w = _mm256_loadu_si256((const __m256i*)(tile + 48 + 32 * q));
        __m256i v_pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(v),
                                               _mm256_sign_epi8(_mm256_broadcastd_epi32(_mm_loadu_si32(x + 4 * q)), v));
        __m256i w_pairs = _mm256_maddubs_epi16(
            _mm256_abs_epi8(w), _mm256_sign_epi8(_mm256_broadcastd_epi32(_mm_loadu_si32(x + 4 * q + 4)), w));
        even = _mm256_add_epi32(even, _mm256_madd_epi16(v_pairs, ones)),
        odd = _mm256_add_epi32(odd, _mm256_madd_epi16(w_pairs, ones));
      }
      __m256 scale = _mm256_mul_ps(_mm256_cvtph_ps(_mm_loadu_si128((const __m128i*)tile)), _mm256_set1_ps(c.scales[k]));
      acc = _mm256_fmadd_ps(_mm256_cvtepi32_ps(_mm256_add_epi32(even, odd)), scale, acc);
    }
    _mm256_storeu_ps(c.y + 8 * g, _mm256_mul_ps(acc, _mm256_set1_ps(c.scale)));
  }
}

}  // namespace ingot::yardstick
