// Strategy: one pass over the cache with a running maximum and a running sum (Milakov & Gimelshein 2018), tile by tile. All
// queries of the call meet a tile while it is in the first cache; those of a block share each reading of it.
#pragma once

struct attend_query {
  const float* query;
  float* out;
  int first, last;      // positions seen
  int begin, end;       // of them in this tile; begin > end: none
  float most, total;    // running maximum and sum
  float factor;         // what this tile's maximum makes of the sums before it
  alignas(64) float weights[attend_tile];
  alignas(64) float sums[attend_max_head_size];
};

// Scores of a tile's positions over f16 keys, for B queries: lane = position, elements in order.
template <int B> fn score_tile(const AttendParams& p, int at, attend_query* q) -> void {
  wide s[B][2];
  for (int i = 0; i < B; i++) s[i][0] = s[i][1] = wide_splat(0.0f);
  const u8* keys = (const u8*)((const u16*)p.keys + (i64)at * p.head_size);
  for (int d = 0; d < p.head_size; d++) {
    if constexpr (asks_ahead) prefetch(keys + 64 * (p.head_size + d));  // of the next tile
    wide a = load_wide(Float16{}, keys + 32 * d), b = load_wide(Float16{}, keys + 32 * (p.head_size + d));
    for (int i = 0; i < B; i++) {
      wide x = wide_splat(q[i].query[d]);
      s[i][0] = fma(x, a, s[i][0]);
      s[i][1] = fma(x, b, s[i][1]);
    }
  }
  for (int i = 0; i < B; i++)
    for (int h = 0; h < 2; h++) store_wide(q[i].weights + 16 * h, times(s[i][h], wide_splat(p.scale)));
}

// Scores into weights against the running maximum, which may rise. A score that is not finite makes the total NaN, and with it all that the
// query attends to: a maximum passes over NaN, and −inf alone would only be a weight of 0.
fn weigh_tile(attend_query& q, int at) -> void {
  q.begin = q.first > at ? q.first - at : 0;
  q.end = q.last - at < attend_tile - 1 ? q.last - at : attend_tile - 1;
  if (q.begin > q.end) return;
  constexpr float unseen = -3.40282347e38f;  // the lowest finite float
  for (int j = 0; j < q.begin; j++) q.weights[j] = unseen;
  for (int j = q.end + 1; j < attend_tile; j++) q.weights[j] = unseen;
  wide scores[2] = {load_wide(Float32{}, (const u8*)q.weights), load_wide(Float32{}, (const u8*)(q.weights + 16))};
  float tile_most = largest(larger(scores[0], scores[1]));
  q.factor = 1;
  if (tile_most > q.most) {
    float raised[16];
    store_wide(raised, exponential(wide_splat(q.most - tile_most)));
    q.factor = q.total == 0 ? 0.0f : raised[0];
    q.most = tile_most;
  }
  for (int h = 0; h < 2; h++) store_wide(q.weights + 16 * h, exponential(minus(scores[h], wide_splat(q.most))));
  for (int j = 0; j < q.begin; j++) q.weights[j] = 0;
  for (int j = q.end + 1; j < attend_tile; j++) q.weights[j] = 0;
  wide zero = wide_splat(0.0f), weights[2] = {load_wide(Float32{}, (const u8*)q.weights), load_wide(Float32{}, (const u8*)(q.weights + 16))};
  wide sums = plus(fma(scores[0], zero, weights[0]), fma(scores[1], zero, weights[1]));
  q.total = q.total * q.factor + sum(sums);
}

// sums[i] = sums[i] · factor + Σ_j weight_j · value_j for P runs of 16 elements from element i on; j in order. `values`: of the
// tile's first position on. What a last run has beyond head_size is summed along and never looked at.
template <int B, int P, class Number> fn mix_values(const AttendParams& p, Number number, const u8* values, int begin, int end, int i, attend_query* q) -> void {
  wide acc[B][P];
  for (int b = 0; b < B; b++)
    for (int r = 0; r < P; r++) acc[b][r] = times(load_wide(Float32{}, (const u8*)(q[b].sums + i + 16 * r)), wide_splat(q[b].factor));
  for (int j = begin; j <= end; j++) {
    const u8* value = values + (i64)(j * p.head_size + i) * Number::storage_bytes;
    if constexpr (asks_ahead && Number::storage_bytes == 2) prefetch(value + attend_tile * 2 * p.head_size);
    wide v[P];
    for (int r = 0; r < P; r++) v[r] = load_wide(number, value + 16 * r * Number::storage_bytes);
    for (int b = 0; b < B; b++) {
      wide w = wide_splat(q[b].weights[j]);
      for (int r = 0; r < P; r++) acc[b][r] = fma(w, v[r], acc[b][r]);
    }
  }
  for (int b = 0; b < B; b++)
    for (int r = 0; r < P; r++) store_wide(q[b].sums + i + 16 * r, acc[b][r]);
}
template <int B, class Number> fn mix_tile(const AttendParams& p, Number number, const u8* values, attend_query* q) -> void {
  int i = 0;
  for (; p.head_size - i >= 16 * attend_parts; i += 16 * attend_parts) mix_values<B, attend_parts>(p, number, values, q->begin, q->end, i, q);
  for (; i < p.head_size; i += 16) mix_values<B, 1>(p, number, values, q->begin, q->end, i, q);
}

// Queries in blocks of B, the rest in smaller ones. Blocks share a reading of values only where all see the whole tile: what a
// query does not see may not be a number.
template <int B> fn score_queries(const AttendParams& p, int at, attend_query* q, int n) -> void {
  for (; n >= B; n -= B, q += B) score_tile<B>(p, at, q);
  if constexpr (B > 1) score_queries<(B > 4 ? B - 2 : B / 2)>(p, at, q, n);
}
template <int B, class Number> fn mix_queries(const AttendParams& p, Number number, const u8* values, attend_query* q, int n) -> void {
  for (; n >= B; n -= B, q += B) {
    bool whole = true;
    for (int i = 0; i < B; i++) whole = whole && q[i].begin == 0 && q[i].end == attend_tile - 1;
    if (whole) mix_tile<B>(p, number, values, q);
    else
      for (int i = 0; i < B; i++)
        if (q[i].begin <= q[i].end) mix_tile<1>(p, number, values, q + i);
  }
  if constexpr (B > 1) mix_queries<(B > 4 ? B - 2 : B / 2)>(p, number, values, q, n);
}

// The queries of a call as int8 codes: the other side of coded keys.
struct coded_queries {
  i8 codes[attend_max_queries * attend_max_head_size];
  float scales[attend_max_queries * attend_max_head_size / 32];
  i16 sums[attend_max_queries * attend_max_head_size / 16];
};
fn code_queries(const AttendParams& p, const attend_query* q, int n, coded_queries& to) -> void {
  for (int i = 0, at = 0; i < n; i++, at += p.head_size) quantize_activations(q[i].query, p.head_size, to.codes + at, to.scales + at / 32, to.sums + at / 16);
}
fn score_coded(const AttendParams& p, int at, const coded_queries& x, attend_query* q, int n) -> void {
  alignas(64) float y[(int)attend_max_queries * gemv_max_rows];
  const u8* keys = (const u8*)p.keys + at / gemv_max_rows * p.coded->key_bytes;
  p.coded->scores({keys, p.head_size, at % gemv_max_rows, attend_tile, {x.codes, x.scales, x.sums, nullptr}, 0, n, p.scale, y});
  for (int i = 0; i < n; i++) __builtin_memcpy(q[i].weights, y + i * gemv_max_rows, sizeof q[i].weights);
}
// Values of the tile's positions that any query sees.
fn decode_values(const AttendParams& p, int at, int first, int last, float* values) -> void {
  for (int j = at > first ? at : first; j <= last && j < at + attend_tile; j++)
    p.coded->decode_row((const u8*)p.values + j * p.coded->value_bytes, p.head_size, values + (j - at) * p.head_size);
}

fn attend_streaming(const AttendParams& p) -> void {
  attend_query queries[attend_max_queries];
  int n = p.tokens * p.heads, first = p.position + p.tokens, last = p.position + p.tokens - 1;
  for (int t = 0; t < p.tokens; t++)
    for (int h = 0; h < p.heads; h++) {
      attend_query& q = queries[t * p.heads + h];
      i64 offset = t * p.stride + h * p.head_size;
      q.query = p.query + offset, q.out = p.out + offset;
      q.last = p.position + t, q.first = p.window > 0 && q.last >= p.window ? q.last - p.window + 1 : 0;
      q.most = -__builtin_inff(), q.total = 0;
      for (int i = 0; i < p.head_size; i += 16) store_wide(q.sums + i, wide_splat(0.0f));
      first = q.first < first ? q.first : first;
    }
  coded_queries coded;
  if (p.coded) code_queries(p, queries, n, coded);
  for (int at = first / attend_tile * attend_tile; at <= last; at += attend_tile) {
    if (p.coded) score_coded(p, at, coded, queries, n);
    else score_queries<attend_queries>(p, at, queries, n);
    for (int i = 0; i < n; i++) weigh_tile(queries[i], at);
    if (p.coded) {
      alignas(64) float values[attend_tile * attend_max_head_size];
      decode_values(p, at, first, last, values);
      mix_queries<attend_queries>(p, Float32{}, (const u8*)values, queries, n);
    } else {
      mix_queries<attend_queries>(p, Float16{}, (const u8*)((const u16*)p.values + (i64)at * p.head_size), queries, n);
    }
  }
  for (int k = 0; k < n; k++) {
    wide inverse = wide_splat(1.0f / queries[k].total);
    int i = 0;
    for (; i + 16 <= p.head_size; i += 16) store_wide(queries[k].out + i, times(load_wide(Float32{}, (const u8*)(queries[k].sums + i)), inverse));
    if (i < p.head_size) store_part(queries[k].out + i, times(load_wide(Float32{}, (const u8*)(queries[k].sums + i)), inverse), p.head_size - i);
  }
}
