// Yardsticks on AVX-512 with VNNI: 16 rows a group, four groups at once, which share what is loaded of the token.
#include <immintrin.h>

#include "yardstick.h"

namespace ingot::yardstick {

// A tile: 16 scales (f16), then 4 vectors of codes; quad 2i in the low nibbles of vector i, quad 2i + 1 in the high
// ones. High nibbles are multiplied where they are, 16 times too large: their sum is a multiple of 16, so one shift a
// tile puts it right exactly.
void q4_0_avx512(const Call& c) {
  constexpr int tile_bytes = 32 + 256, ahead = 2048, together = 4;
  const __m512i low = _mm512_set1_epi8(0x0f), high = _mm512_set1_epi8(char(0xf0)), minus8 = _mm512_set1_epi16(-8);
  int64_t blocks = c.cols / 32;
  for (int64_t g = 0; g < c.groups; g += together) {
    const uint8_t* tile = c.tiles + g * blocks * tile_bytes;
    __m512 acc[together] = {_mm512_setzero_ps(), _mm512_setzero_ps(), _mm512_setzero_ps(), _mm512_setzero_ps()};
    for (int64_t k = 0; k < blocks; k++, tile += tile_bytes) {
      const int8_t* x = c.codes + 32 * k;
      __m512i start = _mm512_madd_epi16(_mm512_broadcastd_epi32(_mm_loadu_si32(c.sums + 2 * k)), minus8);  // −8 · Σ x
      __m512i lows[together], highs[together];
      for (int j = 0; j < together; j++) {
        for (int line = 0; line < tile_bytes; line += 64)
          _mm_prefetch((const char*)tile + j * blocks * tile_bytes + line + ahead, _MM_HINT_T0);
        lows[j] = start, highs[j] = _mm512_setzero_si512();
      }
      for (int i = 0; i < 4; i++) {
        __m512i x_low = _mm512_broadcastd_epi32(_mm_loadu_si32(x + 8 * i)),
                x_high = _mm512_broadcastd_epi32(_mm_loadu_si32(x + 8 * i + 4));
        for (int j = 0; j < together; j++) {
          __m512i w = _mm512_loadu_si512(tile + j * blocks * tile_bytes + 32 + 64 * i);
          lows[j] = _mm512_dpbusd_epi32(lows[j], _mm512_and_si512(w, low), x_low);
          highs[j] = _mm512_dpbusd_epi32(highs[j], _mm512_and_si512(w, high), x_high);
        }
      }
      __m512 x_scale = _mm512_set1_ps(c.scales[k]);
      for (int j = 0; j < together; j++) {
        __m512 scale = _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i*)(tile + j * blocks * tile_bytes)));
        __m512i sum = _mm512_add_epi32(lows[j], _mm512_srai_epi32(highs[j], 4));
        acc[j] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(sum), _mm512_mul_ps(scale, x_scale), acc[j]);
      }
    }
    for (int j = 0; j < together; j++)
      _mm512_storeu_ps(c.y + 16 * (g + j), _mm512_mul_ps(acc[j], _mm512_set1_ps(c.scale)));
  }
}

// A tile: 16 scales (f16), then 8 vectors of codes, one a quad.
void q8_0_avx512(const Call& c) {
  constexpr int tile_bytes = 32 + 512, ahead = 2048, together = 4;
  const __m512i minus128 = _mm512_set1_epi16(-128);
  int64_t blocks = c.cols / 32;
  for (int64_t g = 0; g < c.groups; g += together) {
    const uint8_t* tile = c.tiles + g * blocks * tile_bytes;
    __m512 acc[together] = {_mm512_setzero_ps(), _mm512_setzero_ps(), _mm512_setzero_ps(), _mm512_setzero_ps()};
    for (int64_t k = 0; k < blocks; k++, tile += tile_bytes) {
      const int8_t* x = c.codes + 32 * k;
      __m512i start =
          _mm512_madd_epi16(_mm512_broadcastd_epi32(_mm_loadu_si32(c.sums + 2 * k)), minus128);  // −128 · Σ x
      __m512i sum[together];
      for (int j = 0; j < together; j++) {
        for (int line = 0; line < tile_bytes; line += 64)
          _mm_prefetch((const char*)tile + j * blocks * tile_bytes + line + ahead, _MM_HINT_T0);
        sum[j] = start;
      }
      for (int q = 0; q < 8; q++) {
        __m512i x_q = _mm512_broadcastd_epi32(_mm_loadu_si32(x + 4 * q));
        for (int j = 0; j < together; j++)
          sum[j] = _mm512_dpbusd_epi32(sum[j], _mm512_loadu_si512(tile + j * blocks * tile_bytes + 32 + 64 * q), x_q);
      }
      __m512 x_scale = _mm512_set1_ps(c.scales[k]);
      for (int j = 0; j < together; j++) {
        __m512 scale = _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i*)(tile + j * blocks * tile_bytes)));
        acc[j] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(sum[j]), _mm512_mul_ps(scale, x_scale), acc[j]);
      }
    }
    for (int j = 0; j < together; j++)
      _mm512_storeu_ps(c.y + 16 * (g + j), _mm512_mul_ps(acc[j], _mm512_set1_ps(c.scale)));
  }
}

}  // namespace ingot::yardstick
