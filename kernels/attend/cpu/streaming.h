// Strategy: one pass over keys and values with a running maximum and a running sum (online softmax, Milakov &
// Gimelshein 2018), tile by tile, run by run (params.h). All queries of the call use a tile while it is in the L1
// cache; those of a block share each load of it. A tile never crosses a page.
#pragma once
#include "attend/params.h"
#include "embed/cpu/decode_row.h"
#include "gemv/cpu/quantize_in.h"
#include "gemv/params.h"

static_assert(attend_page % attend_tile == 0 && attend_run_positions % attend_page == 0 &&
                  (int)attend_page == (int)gemv_max_rows,
              "");

struct attend_query {
  const float* query;
  float* out;
  int first, last;   // positions seen
  int begin, end;    // of them in this tile; begin > end: none
  float max, total;  // running maximum and sum of the run
  float factor;      // rescale factor of the run's sums before this tile's are added
  float* sums;       // of the run: the record's, after its header
  alignas(64) float weights[attend_tile];
};

fn record_floats(int value_size) { return (int)attend_header + (value_size + 15) / 16 * 16; }

// A tile of keys and values, and the next one, which is prefetched.
struct tile_pointers {
  const u8 *keys, *values;  // of the tile's first position
  const u8 *next_keys, *next_values;
};
fn keys_at(const AttendParams& p, int at, i64 position_bytes) {
  return p.keys + p.pages[at / attend_page] * p.key_page_bytes + at % attend_page * position_bytes;
}
fn values_at(const AttendParams& p, int at, i64 position_bytes) {
  return p.values + p.pages[at / attend_page] * p.value_page_bytes + at % attend_page * position_bytes;
}
fn pointers_of_halves(const AttendParams& p, int at, int last) {
  int next = at + attend_tile <= last ? at + (int)attend_tile : at;
  return tile_pointers{keys_at(p, at, 2 * p.key_size), values_at(p, at, 2 * p.value_size),
                       keys_at(p, next, 2 * p.key_size), values_at(p, next, 2 * p.value_size)};
}

// Scores of a tile's positions over f16 keys, for B queries: lane = position, elements in order. Not inlined: an
// address for each query leaves no register for what the caller has.
template <int B>
static __attribute__((noinline)) void score_tile(const AttendParams& p, const tile_pointers& tile, attend_query* q) {
  f32x16 s[B][2];
  for (int i = 0; i < B; i++) s[i][0] = s[i][1] = broadcast_f32x16(0.0f);
  const u8* keys = tile.keys;
  for (int d = 0; d < p.key_size; d++) {
    if constexpr (asks_ahead) prefetch(tile.next_keys + 64 * d);
    f32x16 a = load_f32x16(Float16{}, keys + 32 * d), b = load_f32x16(Float16{}, keys + 32 * (p.key_size + d));
    for (int i = 0; i < B; i++) {
      f32x16 x = broadcast_f32x16(q[i].query[d]);
      s[i][0] = fma(x, a, s[i][0]);
      s[i][1] = fma(x, b, s[i][1]);
    }
  }
  for (int i = 0; i < B; i++)
    for (int h = 0; h < 2; h++) store_f32x16(q[i].weights + 16 * h, mul(s[i][h], broadcast_f32x16(p.scale)));
}

// Turns scores into weights relative to the running maximum, which may rise. A score that is not finite makes the total
// NaN, and with it the query's output: a maximum ignores NaN, and −inf alone would only be a weight of 0.
fn weigh_tile(attend_query& q, int at) -> void {
  q.begin = q.first > at ? q.first - at : 0;
  q.end = q.last - at < attend_tile - 1 ? q.last - at : attend_tile - 1;
  if (q.begin > q.end) return;
  constexpr float unseen = -3.40282347e38f;  // the lowest finite float
  for (int j = 0; j < q.begin; j++) q.weights[j] = unseen;
  for (int j = q.end + 1; j < attend_tile; j++) q.weights[j] = unseen;
  f32x16 scores[2] = {load_f32x16(Float32{}, (const u8*)q.weights),
                      load_f32x16(Float32{}, (const u8*)(q.weights + 16))};
  float tile_max = reduce_max(max(scores[0], scores[1]));
  q.factor = 1;
  if (tile_max > q.max) {
    float raised[16];
    store_f32x16(raised, exponential(broadcast_f32x16(q.max - tile_max)));
    q.factor = q.total == 0 ? 0.0f : raised[0];
    q.max = tile_max;
  }
  for (int h = 0; h < 2; h++) store_f32x16(q.weights + 16 * h, exponential(sub(scores[h], broadcast_f32x16(q.max))));
  for (int j = 0; j < q.begin; j++) q.weights[j] = 0;
  for (int j = q.end + 1; j < attend_tile; j++) q.weights[j] = 0;
  f32x16 zero = broadcast_f32x16(0.0f), weights[2] = {load_f32x16(Float32{}, (const u8*)q.weights),
                                                      load_f32x16(Float32{}, (const u8*)(q.weights + 16))};
  f32x16 sums = add(fma(scores[0], zero, weights[0]), fma(scores[1], zero, weights[1]));
  q.total = q.total * q.factor + reduce_sum(sums);
}

// sums[i] = sums[i] · factor + Σ_j weight_j · value_j for P vectors of 16 elements from element i on; j in order. What
// a last vector has past value_size is summed too and never read.
template <int B, int P, class Number> fn mix_values(const AttendParams& p, Number number, const tile_pointers& tile,
                                                    int begin, int end, int i, attend_query* q) -> void {
  f32x16 acc[B][P];
  for (int b = 0; b < B; b++)
    for (int r = 0; r < P; r++)
      acc[b][r] = mul(load_f32x16(Float32{}, (const u8*)(q[b].sums + i + 16 * r)), broadcast_f32x16(q[b].factor));
  for (int j = begin; j <= end; j++) {
    const i64 at = (i64)(j * p.value_size + i) * Number::storage_bytes;
    if constexpr (asks_ahead && Number::storage_bytes == 2) prefetch(tile.next_values + at);
    f32x16 v[P];
    for (int r = 0; r < P; r++) v[r] = load_f32x16(number, tile.values + at + 16 * r * Number::storage_bytes);
    for (int b = 0; b < B; b++) {
      f32x16 w = broadcast_f32x16(q[b].weights[j]);
      for (int r = 0; r < P; r++) acc[b][r] = fma(w, v[r], acc[b][r]);
    }
  }
  for (int b = 0; b < B; b++)
    for (int r = 0; r < P; r++) store_f32x16(q[b].sums + i + 16 * r, acc[b][r]);
}
template <int B, class Number>
fn mix_tile(const AttendParams& p, Number number, const tile_pointers& tile, attend_query* q) -> void {
  int i = 0;
  for (; p.value_size - i >= 16 * attend_parts; i += 16 * attend_parts)
    mix_values<B, attend_parts>(p, number, tile, q->begin, q->end, i, q);
  for (; i < p.value_size; i += 16) mix_values<B, 1>(p, number, tile, q->begin, q->end, i, q);
}

// Queries in blocks of B, the rest in smaller ones. Blocks share a load of values only where all see the whole tile:
// what a query does not see may be NaN.
template <int B> fn score_queries(const AttendParams& p, const tile_pointers& tile, attend_query* q, int n) -> void {
  for (; n >= B; n -= B, q += B) score_tile<B>(p, tile, q);
  if constexpr (B > 1) score_queries<(B > 4 ? B - 2 : B / 2)>(p, tile, q, n);
}
template <int B, class Number>
fn mix_queries(const AttendParams& p, Number number, const tile_pointers& tile, attend_query* q, int n) -> void {
  for (; n >= B; n -= B, q += B) {
    bool whole = true;
    for (int i = 0; i < B; i++) whole = whole && q[i].begin == 0 && q[i].end == attend_tile - 1;
    if (whole)
      mix_tile<B>(p, number, tile, q);
    else
      for (int i = 0; i < B; i++)
        if (q[i].begin <= q[i].end) mix_tile<1>(p, number, tile, q + i);
  }
  if constexpr (B > 1) mix_queries<(B > 4 ? B - 2 : B / 2)>(p, number, tile, q, n);
}

// The queries of a call as int8 codes, to be multiplied with coded keys.
fn code_queries(const AttendParams& p, const attend_query* q, int n) -> void {
  const AttendWorkspace& to = p.workspace;
  for (int i = 0, at = 0; i < n; i++, at += p.key_size)
    quantize_activations(q[i].query, p.key_size, to.codes + at, to.scales + at / 32, to.sums + at / 16);
}
fn score_coded(const AttendParams& p, int at, attend_query* q, int n) -> void {
  alignas(64) float y[(int)attend_max_queries * gemv_max_rows];
  const AttendWorkspace& x = p.workspace;
  p.coded->scores({keys_at(p, at, 0),
                   p.key_size,
                   at % attend_page,
                   attend_tile,
                   {x.codes, x.scales, x.sums, nullptr},
                   0,
                   n,
                   p.scale,
                   y});
  for (int i = 0; i < n; i++) __builtin_memcpy(q[i].weights, y + i * gemv_max_rows, sizeof q[i].weights);
}
// Decodes the values of the tile's positions that any query sees.
fn decode_values(const AttendParams& p, int at, int first, int last) -> void {
  const u8* rows = values_at(p, at, p.coded->value_bytes);
  for (int j = first > at ? first - at : 0; j < attend_tile && at + j <= last; j++)
    p.coded->decode_row(rows + j * p.coded->value_bytes, p.value_size, p.workspace.values + j * p.value_size);
}

// Merges a record into another, which holds the runs before it, or nothing (total 0).
fn merge_record(float* merged, const float* run, int value_size) -> void {
  if (run[1] == 0) return;
  int end = record_floats(value_size);
  if (merged[1] == 0) {
    __builtin_memcpy(merged, run, end * sizeof(float));
    return;
  }
  bool rises = run[0] > merged[0];  // unpredictable: addresses are selected, which avoids a branch
  const float *smaller = rises ? merged : run, *other = rises ? run : merged;
  float factors[16], max = other[0];
  f32x16 factor = exponential(broadcast_f32x16(smaller[0] - max));
  store_f32x16(factors, factor);
  merged[1] = __builtin_fmaf(smaller[1], factors[0], other[1]);
  merged[0] = max;
  for (int i = attend_header; i < end; i += 16)
    store_f32x16(merged + i, fma(load_f32x16(Float32{}, (const u8*)(smaller + i)), factor,
                                 load_f32x16(Float32{}, (const u8*)(other + i))));
}
fn divide_record(const float* record, int value_size, float* out) -> void {
  f32x16 inverse = broadcast_f32x16(1.0f / record[1]);
  const float* sums = record + attend_header;
  int i = 0;
  for (; i + 16 <= value_size; i += 16)
    store_f32x16(out + i, mul(load_f32x16(Float32{}, (const u8*)(sums + i)), inverse));
  if (i < value_size) store_part(out + i, mul(load_f32x16(Float32{}, (const u8*)(sums + i)), inverse), value_size - i);
}

// Sums positions [begin, end), all in one run, for n queries that see none before `first` and none after `last`.
fn sum_run(const AttendParams& p, attend_query* queries, int n, int begin, int end, int first, int last) -> void {
  for (int i = 0; i < n; i++) {
    queries[i].max = -__builtin_inff(), queries[i].total = 0;
    for (int k = 0; k < p.value_size; k += 16) store_f32x16(queries[i].sums + k, broadcast_f32x16(0.0f));
  }
  for (int at = begin; at < end; at += attend_tile) {
    if (p.coded) {
      score_coded(p, at, queries, n);
      for (int i = 0; i < n; i++) weigh_tile(queries[i], at);
      decode_values(p, at, first, last);
      mix_queries<attend_queries>(p, Float32{}, tile_pointers{nullptr, (const u8*)p.workspace.values, nullptr, nullptr},
                                  queries, n);
    } else {
      tile_pointers tile = pointers_of_halves(p, at, last);
      score_queries<attend_queries>(p, tile, queries, n);
      for (int i = 0; i < n; i++) weigh_tile(queries[i], at);
      mix_queries<attend_queries>(p, Float16{}, tile, queries, n);
    }
  }
  for (int i = 0; i < n; i++)
    (queries[i].sums - attend_header)[0] = queries[i].max, (queries[i].sums - attend_header)[1] = queries[i].total;
}

fn attend_streaming(const AttendParams& p) -> void {
  attend_query queries[attend_max_queries];
  int n = p.tokens * p.heads, record = record_floats(p.value_size), first = p.position,
      last = p.position + p.tokens - 1;
  for (int i = 0; i < n; i++) {
    attend_query& q = queries[i];
    int t = i / p.heads, h = i % p.heads;
    q.query = p.query + t * p.query_stride + h * p.key_size;
    q.out = p.out + t * p.out_stride + h * p.value_size;
    q.last = p.position + t, q.first = p.window > 0 && q.last >= p.window ? q.last - p.window + 1 : 0;
    q.sums = (p.parts ? p.parts : p.workspace.run) + i * record + attend_header;
    first = q.first < first ? q.first : first;
  }
  if (p.coded) code_queries(p, queries, n);
  int begin_run = first / attend_run_positions, end_run = last / attend_run_positions + 1;
  if (begin_run < p.first_run) begin_run = p.first_run;
  if (end_run > p.end_run) end_run = p.end_run;
  bool merges = !p.parts && end_run - begin_run > 1;
  for (int i = 0; i < n && merges; i++) p.workspace.merged[i * record + 1] = 0;
  for (int run = begin_run; run < end_run; run++) {
    int begin = run * attend_run_positions, end = begin + attend_run_positions;
    if (begin < first) begin = first / attend_tile * attend_tile;
    sum_run(p, queries, n, begin, end <= last ? end : last + 1, first, last);
    for (int i = 0; i < n && merges; i++)
      merge_record(p.workspace.merged + i * record, p.workspace.run + i * record, p.value_size);
  }
  for (int i = 0; i < n && !p.parts; i++)
    divide_record((merges ? p.workspace.merged : p.workspace.run) + i * record, p.value_size, queries[i].out);
}

fn attend_merge(const AttendMergeParams& p) -> void {
  int n = p.tokens * p.heads, record = record_floats(p.value_size);
  for (int i = 0; i < n; i++) {
    p.merged[1] = 0;
    for (int run = 0; run < p.runs; run++) merge_record(p.merged, p.parts + (i64)(run * n + i) * record, p.value_size);
    divide_record(p.merged, p.value_size, p.out + i / p.heads * p.out_stride + i % p.heads * p.value_size);
  }
}
