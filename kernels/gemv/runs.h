// The order of summation of every matrix kernel on GPUs, whatever the number of rows. Chunks of 32 columns are cut into
// runs of consecutive ones, which follow from the matrix's columns alone; a run is summed by itself, from 0, as
// gemv/params.h says for a whole row; and the runs of an output are added in order:
//
//   y = ((0 + run 0) + run 1) + …
//
// So whoever sums a run is free: a warp of one token, a thread group that takes one run after another, or another GPU.
#pragma once

enum { max_runs = 16 };

// An even number of chunks, the last run's may be fewer. All runs are equal then, and a kernel may take chunks in
// pairs.
fn run_chunks(int chunks) -> int { return (chunks + 2 * (int)max_runs - 1) / (2 * (int)max_runs) * 2; }
