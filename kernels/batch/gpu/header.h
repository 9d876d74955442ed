// What changes from run to run on a GPU, in device memory at fixed addresses: launches are recorded once for a number
// of rows, and read here how many there are. Rows past that number do nothing.
#pragma once

enum { page_positions = 64 };

struct BatchHeader {
  i32 rows;     // tokens of the batch
  i32 outputs;  // rows whose logits are wanted
  i32 singles;  // sequences with one row
  i32 several;  // sequences with several rows
};

// Line i of every list of a batch. The lines follow the header.
struct BatchLine {
  i32 token, position;       // of row i
  i32 sequence;              // of row i: a line of the page table
  i32 alone;                 // 1: row i is the only one of its sequence
  i32 output_row;            // row of output i
  i32 single_row;            // row of the i-th sequence with one row
  i32 first_row, row_count;  // rows of the i-th sequence with several
};

// A page has, for every state of the plan, the keys (kv_heads, page_positions, head_size) as f16, then the values.
struct PageLine {
  DEVICE u16* at;
};

struct DeviceBatch {
  DEVICE BatchHeader* header;
  DEVICE const PageLine* pages;  // (sequences, page_stride): pages in the order of positions
  i32 page_stride;
};
