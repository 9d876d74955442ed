// Strategy: one file row at a time, straight from the mapped file. Each chunk of 32 weights is expanded to integers (or, for
// floating formats, read as floats) and multiplied with the tokens of the call. Every format has it; it is the path of formats
// without a resident layout and of models that are not repacked. Sums in the order of params.h, so with the same bits.
#pragma once

// The int8 values of 32 weights from weight `first` of the block on. Every index is a constant, so compilers make straight-line
// vector code of most accessors (a loop over the same accessor runs 20 to 40 times slower).
template <int... I> struct index_list {};
template <int n, int... I> struct indices : indices<n - 1, n - 1, I...> {};
template <int... I> struct indices<0, I...> { typedef index_list<I...> type; };

template <class F, int... I> fn expand_codes(view b, int first, i8* to, index_list<I...>) {
  ((to[I] = (i8)integer_of<F>(b, first + I)), ...);
}
template <class F> fn expand_chunk(view b, int first, i8* to) {
  if constexpr (facts<F>::vector) {
    for (int j = 0; j < 4; j++) {
      u64 run = F::expand(F::code(b, first / 8 + j));
      __builtin_memcpy(to + 8 * j, &run, 8);
    }
  } else {
    expand_codes<F>(b, first, to, typename indices<32>::type{});
  }
}
// The chunk's index as a constant, for blocks of several chunks.
template <class F, int c = 0> fn expand_chunk_at(view b, int chunk, i8* to) -> void {
  if constexpr (c + 1 < (int)F::block / 32) {
    if (chunk != c) return expand_chunk_at<F, c + 1>(b, chunk, to);
  }
  expand_chunk<F>(b, 32 * c, to);
}

template <class F> fn row_from_file(const u8* row, const GemvParams& p, int r) {
  enum { group = (int)F::group < 32 ? 16 : 32, halves = 32 / group };
  float acc[gemv_max_tokens] = {};
  for (i64 k = 0; k < p.cols; k += 32) {
    view b{row + k / F::block * F::block_bytes};
    int first = int(k % F::block), g = first / (int)F::group;
    alignas(32) i8 w[32];
    expand_chunk_at<F>(b, first / 32, w);
    for (int n = 0; n < p.tokens; n++) {
      const i8* x = p.x.codes + (p.token + n) * p.cols + k;
      const i16* sums = p.x.sums + ((p.token + n) * p.cols + k) / 16;
      float x_scale = p.x.scales[((p.token + n) * p.cols + k) / 32];
      i32 v[2] = {dot16(w, x), dot16(w + 16, x + 16)};
      i32 s[2] = {sums[0], sums[1]};
      if (halves == 1) v[0] += v[1], s[0] += s[1];
      i32 total = 0, total_min = 0;
      for (int h = 0; h < halves; h++) {
        i32 part = v[h] * sub_of<F>(b, g + h);
        if constexpr (has_group_scale<F>::value) {
          acc[n] = __builtin_fmaf((float)part, unit_of<F>() * (float)scale_of<F>(b, g + h) * x_scale, acc[n]);
        } else {
          total += part;
        }
        if constexpr (facts<F>::min && !has_group_min<F>::value) total_min += s[h] * sub_min_of<F>(b, g + h);
      }
      if constexpr (!has_group_scale<F>::value) acc[n] = __builtin_fmaf((float)total, unit_of<F>() * (float)scale_of<F>(b, g) * x_scale, acc[n]);
      if constexpr (has_group_min<F>::value) {
        for (int h = 0; h < halves; h++)
          acc[n] = __builtin_fmaf((float)(s[h] * sub_min_of<F>(b, g + h)), (float)min_of<F>(b, g + h) * x_scale, acc[n]);
      } else if constexpr (facts<F>::min) {
        acc[n] = __builtin_fmaf((float)total_min, (float)min_of<F>(b, g) * x_scale, acc[n]);
      }
    }
  }
  for (int n = 0; n < p.tokens; n++) p.y[n * gemv_max_rows + r] = acc[n] * p.scale;
}

// 16 weights of a floating format as floats. A format of single stored numbers is read as a vector.
template <class F> fn load_weights(const u8* row, i64 k) {
  typedef decltype(F::value(view{}, 0)) Number;
  if constexpr ((int)F::block == 1 && !facts<F>::scaled) {
    return load_wide(Number{}, row + k * F::block_bytes);
  } else {
    float w[16];
    for (int i = 0; i < 16; i++) w[i] = decode<F>(view{row + (k + i) / F::block * F::block_bytes}, int((k + i) % F::block));
    return load_wide(Float32{}, (const u8*)w);
  }
}

// Floating formats: 16 running sums (lane k mod 16), added as a tree at the end.
template <class F> fn row_of_floats(const u8* row, const GemvParams& p, int r) {
  wide acc[gemv_max_tokens];
  for (int n = 0; n < p.tokens; n++) acc[n] = wide_splat(0.0f);
  for (i64 k = 0; k < p.cols; k += 16) {
    wide w = load_weights<F>(row, k);
    for (int n = 0; n < p.tokens; n++) acc[n] = fma(w, load_wide(Float32{}, (const u8*)(p.x.values + (p.token + n) * p.cols + k)), acc[n]);
  }
  for (int n = 0; n < p.tokens; n++) p.y[n * gemv_max_rows + r] = sum(acc[n]) * p.scale;
}

template <class F> void rows_from_file(const GemvParams& p) {
  i64 row_bytes = p.cols / F::block * F::block_bytes;
  for (int r = 0; r < p.rows; r++) {
    const u8* row = p.weights + (p.row + r) * row_bytes;
    if constexpr (facts<F>::floating) row_of_floats<F>(row, p, r);
    else row_from_file<F>(row, p, r);
  }
}
