// Strategy: one pass over the cache with a running maximum and a running sum (Milakov & Gimelshein 2018), tile by tile.
#pragma once

// Scores of 16 positions from `at` on; positions outside first … last get −inf.
fn score_tile(const AttendParams& p, int at) {
  float scores[16];
  for (int j = 0; j < 16; j++) {
    int position = at + j;
    if (position < p.first || position > p.last) {
      scores[j] = -__builtin_inff();
      continue;
    }
    const u16* key = p.keys + (i64)position * p.head_size;
    wide s = wide_splat(0.0f);
    for (int i = 0; i < p.head_size; i += 16)
      s = fma(load_wide(Float32{}, (const u8*)(p.query + i)), load_wide(Float16{}, (const u8*)(key + i)), s);
    scores[j] = sum(s) * p.scale;
  }
  return load_wide(Float32{}, (const u8*)scores);
}

// acc[i] += Σ_j weight_j · value_j over a tile, for `parts` runs of 16 elements from run `part` on; j in order.
template <int parts> fn mix_values(const AttendParams& p, int at, int begin, int end, const float* weights, int part, wide* acc) -> void {
  wide a[parts];
  for (int i = 0; i < parts; i++) a[i] = acc[i];
  for (int j = begin; j <= end; j++) {
    wide w = wide_splat(weights[j]);
    const u8* value = (const u8*)(p.values + (i64)(at + j) * p.head_size + 16 * part);
    for (int i = 0; i < parts; i++) a[i] = fma(w, load_wide(Float16{}, value + 32 * i), a[i]);
  }
  for (int i = 0; i < parts; i++) acc[i] = a[i];
}

fn attend_streaming(const AttendParams& p) -> void {
  wide acc[attend_max_head_size / 16];
  int parts = p.head_size / 16;
  for (wide& part : acc) part = wide_splat(0.0f);
  float most = -__builtin_inff(), total = 0;
  for (int at = p.first / attend_tile * attend_tile; at <= p.last; at += attend_tile) {
    wide scores[2] = {score_tile(p, at), score_tile(p, at + 16)};
    float tile_most = largest(larger(scores[0], scores[1]));
    if (tile_most == -__builtin_inff()) continue;
    float now = tile_most > most ? tile_most : most;
    alignas(64) float weights[attend_tile];
    wide sums = wide_splat(0.0f);
    for (int h = 0; h < 2; h++) {
      wide e = exponential(minus(scores[h], wide_splat(now)));
      store_wide(weights + 16 * h, e);
    }
    int begin = p.first > at ? p.first - at : 0, end = p.last - at < attend_tile - 1 ? p.last - at : attend_tile - 1;
    for (int j = 0; j < begin; j++) weights[j] = 0;
    for (int j = end + 1; j < attend_tile; j++) weights[j] = 0;
    sums = plus(load_wide(Float32{}, (const u8*)weights), load_wide(Float32{}, (const u8*)(weights + 16)));
    if (now > most) {  // earlier tiles were weighted against a smaller maximum
      float factor[16];
      store_wide(factor, exponential(wide_splat(most - now)));
      if (most == -__builtin_inff()) factor[0] = 0;
      total *= factor[0];
      for (int i = 0; i < parts; i++) acc[i] = times(acc[i], wide_splat(factor[0]));
      most = now;
    }
    total += sum(sums);
    for (int i = 0; i < parts; i += 4) {
      if (parts - i >= 4) mix_values<4>(p, at, begin, end, weights, i, acc + i);
      else
        for (int k = i; k < parts; k++) mix_values<1>(p, at, begin, end, weights, k, acc + k);
    }
  }
  wide inverse = wide_splat(1.0f / total);
  for (int i = 0; i < parts; i++) store_wide(p.out + 16 * i, times(acc[i], inverse));
}
