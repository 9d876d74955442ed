// From floats to blocks, derived from a format's accessors alone: for formats of kind affine with one float scale per
// block and no minimum. The position of each bit of codes and scale is found by reading blocks with a single bit set
// through the accessors, so a format never says how its bytes are written.
//
// The largest magnitude of a block becomes the largest code on its smaller side: scale = max |x| / min(zero, max code −
// zero).
#pragma once
#include "quant/facts.h"

template <class F> struct encoder {
  enum { bits = 8 * (int)F::block_bytes };
  typedef decltype(scale_of<F>(view{}, 0)) Scale;
  bool exists = true;  // every bit of a code and of the scale is a bit of the block, each its own
  bool runs = true;    // the bits of a code are adjacent in one byte
  int code_at[F::block][F::code_bits], scale_at[32];
  u32 codes_of_zeros[F::block];

  encoder() {
    for (auto& code : code_at)
      for (int& at : code) at = -1;
    for (int& at : scale_at) at = -1;
    u8 block[F::block_bytes] = {};
    for (int i = 0; i < F::block; i++) codes_of_zeros[i] = F::code(view{block}, i);
    u32 scale_of_zeros = scale_of<F>(view{block}, 0).bits;
    for (int at = 0; at < bits; at++) {
      block[at / 8] = (u8)(1 << at % 8);
      int changed = 0;
      for (int i = 0; i < F::block; i++)
        for (int k = 0; k < F::code_bits; k++)
          if ((F::code(view{block}, i) ^ codes_of_zeros[i]) >> k & 1) code_at[i][k] = at, changed++;
      for (int k = 0; k < 8 * (int)Scale::storage_bytes; k++)
        if ((scale_of<F>(view{block}, 0).bits ^ scale_of_zeros) >> k & 1) scale_at[k] = at, changed++;
      exists = exists && changed <= 1;
      block[at / 8] = 0;
    }
    for (auto& code : code_at)
      for (int k = 0; k < F::code_bits; k++) {
        exists = exists && code[k] >= 0;
        runs = runs && code[k] == code[0] + k && code[k] / 8 == code[0] / 8;
      }
    for (int k = 0; k < 8 * (int)Scale::storage_bytes; k++) exists = exists && scale_at[k] >= 0;
    exists = exists && scale_of_zeros == 0;
  }
};
template <class F> static const encoder<F>& encoder_of() {
  static const encoder<F> e;
  return e;
}

template <class F> static constexpr bool may_encode() {
  return facts<F>::affine && has_block_scale<F>::value && !has_sub<F>::value && !facts<F>::min &&
         decltype(scale_of<F>(view{}, 0))::storage_bytes >= 2;
}

// Bits of the number nearest to x; ties to even.
static inline u32 nearest(Float32, float x) {
  u32 b;
  __builtin_memcpy(&b, &x, 4);
  return b;
}
static inline u32 nearest(BFloat16, float x) {
  u32 b = nearest(Float32{}, x);
  return x != x ? b >> 16 | 0x40 : (b + 0x7fff + (b >> 16 & 1)) >> 16;
}
static inline u32 nearest(Float16, float x) {
  u32 b = nearest(Float32{}, x), sign = b >> 16 & 0x8000, size = b & 0x7fffffff;
  if (size > 0x7f800000) return sign | 0x7e00;
  if (size >= 0x477ff000) return sign | 0x7c00;
  if (size < 0x38800000) return sign | (u32)__builtin_nearbyintf(float_of(size) * 16777216.0f);  // a multiple of 2^-24
  size -= 112u << 23;
  return sign | (size + 0xfff + (size >> 13 & 1)) >> 13;
}

// The largest finite number.
static constexpr float largest(Float32) { return 3.40282347e38f; }
static constexpr float largest(BFloat16) { return 3.38953139e38f; }
static constexpr float largest(Float16) { return 65504.0f; }

// `n` weights, a multiple of the block, into n / block blocks. Values that are not finite make their block's scale so.
template <class F> static void encode_blocks(const float* from, u8* to, i64 n) {
  typedef typename encoder<F>::Scale Scale;
  const encoder<F>& e = encoder_of<F>();
  int zero = F::zero, above = (1 << F::code_bits) - 1 - zero, side = zero < above ? zero : above;
  for (i64 b = 0; b < n / F::block; b++, from += F::block, to += F::block_bytes) {
    float max_abs = 0, sum = 0;
    for (int i = 0; i < F::block; i++)
      max_abs = __builtin_fabsf(from[i]) > max_abs ? __builtin_fabsf(from[i]) : max_abs, sum += from[i] * 0.0f;
    u32 scale_bits = nearest(Scale{}, sum == 0 ? max_abs / (float)side : sum);
    float scale = Scale{scale_bits}, inverse = scale > 0 ? 1 / scale : 0.0f;
    __builtin_memset(to, 0, F::block_bytes);
    auto put = [to](const int* at, u32 value) {
      for (; value; value >>= 1, at++)
        if (value & 1) to[*at / 8] |= (u8)(1 << *at % 8);
    };
    put(e.scale_at, scale_bits);
    for (int i = 0; i < F::block; i++) {
      float code = __builtin_nearbyintf(from[i] * inverse);
      code = code<(float)-zero ? (float)-zero : code>(float) above ? (float)above : code == code ? code : 0.0f;
      u32 bits = (u32)((int)code + zero) ^ e.codes_of_zeros[i];
      if (e.runs)
        to[e.code_at[i][0] / 8] |= (u8)(bits << e.code_at[i][0] % 8);
      else
        put(e.code_at[i], bits);
    }
  }
}
