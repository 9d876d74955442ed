// Scratch memory of steps, allocated once: inputs of projections, and what a worker needs for attention and for storing
// keys.
#pragma once
#include <vector>

#include "backends/cpu/kernels.h"
#include "backends/cpu/states.h"
#include "plan/plan.h"

namespace ingot::cpu {

/// Inputs of a projection, normed or quantized: `rows` vectors of up to `cols` elements.
struct Workspace {
  std::vector<i8> codes;
  std::vector<float> scales, values;
  std::vector<i16> sums;
  void size(int64_t rows, int64_t cols);
  Activations view() const { return {codes.data(), scales.data(), sums.data(), values.data()}; }
  static uint64_t bytes(int64_t rows, int64_t cols);
};

/// Widest vector that a step of the plan norms or quantizes.
int64_t max_input_cols(const plan::Plan& plan);

/// Sixteen floats, aligned to a cache line: what kernels load and store most often must not span two.
struct alignas(64) Line {
  float x[16];
};

/// One worker's: the input of one row, and what attention and the store need.
struct WorkerMemory {
  Workspace input;
  std::vector<u8> stored;                 // of one key, as the states keep it
  std::vector<Line> run, merged, values;  // AttendWorkspace
  Workspace queries;
  void size(const plan::Plan& plan, const StatesLayout& states);
  AttendWorkspace attend() {
    return {.run = run.data()->x,
            .merged = merged.data()->x,
            .values = values.data()->x,
            .codes = queries.codes.data(),
            .scales = queries.scales.data(),
            .sums = queries.sums.data()};
  }
  static uint64_t bytes(const plan::Plan& plan, const StatesLayout& states);
};

/// Bytes of everything that a program allocates besides weights and pages.
uint64_t scratch_bytes(const plan::Plan& plan, const StatesLayout& states, int threads);

}  // namespace ingot::cpu
