// How kernels of GPUs find a row's line, and a position in its page.
#pragma once
#include "batch/gpu/header.h"

fn lines_of(PARAMS(DeviceBatch) batch) -> DEVICE BatchLine* { return (DEVICE BatchLine*)(batch.header + 1); }
fn pages_of(PARAMS(DeviceBatch) batch, int sequence) -> DEVICE const PageLine* {
  return batch.pages + (i64)sequence * batch.page_stride;
}
// Offset of a position within the keys or values of a kv_head that begin `part` halves into its page.
fn offset_in_page(i64 part, int kv_head, int position, int head_size) -> i64 {
  return part + ((i64)kv_head * page_positions + position % page_positions) * head_size;
}
