// Attention of the query heads that share one kv_head, for consecutive tokens of one sequence:
//
//   out = Σ_j p_j · value_j,   p = softmax over j of (scale · query·key_j),   j in first … last
//   last: the token's own position;  first: 0, or last − window + 1 where a window is set
//
// Positions are cut into runs of attend_run_positions, from position 0 on. The sum of a run is a maximum m of the
// scores, the total Σ exp(score − m) and the sums Σ exp(score − m) · value, tile after tile of attend_tile positions
// (online softmax). Runs are merged in order: of what was merged before and the next run, the one with the smaller
// maximum is rescaled and added to the other,
//
//   total = fma(total of the smaller, exp(m of the smaller − m of the larger), total of the larger),   sums likewise
//
// and the first run is taken as it is. Runs and tiles begin at absolute positions, so a token's bits depend neither on
// how a prompt was cut, nor on who sums a run, nor on what else is computed.
#pragma once
#include "gemv/params.h"

// Keys and values that are blocks of a format. Keys are in the format's resident layout, positions as rows, so that
// scores are a matrix times queries; values are row by row as in a file.
struct CodedStates {
  void (*scores)(const GemvParams&);
  void (*decode_row)(const u8* row, i64 cols, float* to);
  i64 value_bytes;  // of one position
};

// Scratch memory of a call. A record is the result of a run for one query: attend_header floats, of which the first is
// the maximum and the second the total (0: no position was seen), then the sums, (value_size) padded to a multiple of
// 16.
struct AttendWorkspace {
  float* run;     // (queries) records: the current run
  float* merged;  // (queries) records: all runs before it
  float* values;  // (attend_tile, value_size) decoded, where they are coded
  i8* codes;      // (queries, key_size) of the queries, where keys are coded
  float* scales;  // (queries, key_size / 32)
  i16* sums;      // (queries, key_size / 16)
};

struct AttendParams {
  const float* query;  // (tokens, heads, key_size), rotated; a token's heads are adjacent
  i64 query_stride;    // floats from one token's queries to the next one's
  int tokens, heads;   // at most attend_max_queries together, and attend_max_elements elements of their keys, or values
  int position;        // of the first token
  int window;          // positions that a token sees, itself included; 0: all
  // Of the kv_head in page 0: f16, (attend_page / 16, key_size, 16), element i of 16 keys adjacent; or coded.
  const u8* keys;
  // Of the kv_head in page 0: f16, (attend_page, value_size), padded to 16 elements at the end; or coded.
  const u8* values;
  const i32* pages;                      // page i has positions attend_page · i …
  i64 key_page_bytes, value_page_bytes;  // from one page's keys, or values, to the next one's
  int key_size, value_size;
  float scale;
  int first_run, end_run;  // runs to sum, of those that the tokens see
  // Null: runs are merged into `out`. Otherwise (tokens, heads) records for the sums of one run, and no `out`.
  float* parts;
  float* out;                // (tokens, heads, value_size)
  i64 out_stride;            // floats from one token's outputs to the next one's
  const CodedStates* coded;  // null: f16
  AttendWorkspace workspace;
};

// Merges runs that several calls have summed into the output.
struct AttendMergeParams {
  const float* parts;  // (runs, tokens, heads) records
  int runs, tokens, heads;
  int value_size;
  float* merged;  // one record of scratch
  float* out;     // (tokens, heads, value_size)
  i64 out_stride;
};

enum {
  attend_tile = 32,
  attend_page = 64,
  attend_run_positions = 512,
  attend_header = 16,
  attend_max_queries = 32,
  attend_max_elements = 8192
};
