// Body of a generated kernel instance: the ops that do not depend on a format, in the lane vocabulary that was included
// before it, all inside the unnamed namespace of the instruction set.
#pragma once
#include "backends/cpu/lanes/math.h"
#include "backends/cpu/lanes/part.h"
#include "backends/cpu/multiply_peak.h"
#include "norm/cpu/rms_norm.h"
#include "gemv/cpu/quantize_in.h"
#include "gate/cpu/activate.h"
#include "rope/cpu/rotate.h"
#include "attend/cpu/streaming.h"
#include "encode/cpu/encode.h"

static void store_all_halves(const float* x, int n, u16* to) {
  int i = 0;
  for (; i + 16 <= n; i += 16) store_halves(to + i, load_f32x16(Float32{}, (const u8*)(x + i)));
  if (i == n) return;
  u16 last[16];
  store_halves(last, load_part(x + i, n - i));
  for (int k = 0; k < n - i; k++) to[i + k] = last[k];
}

static constexpr OpKernels op_table = {
    .multiply = run_multiply,
    .norm = rms_norm,
    .quantize = quantize_activations,
    .rotate = rotate,
    .attend = attend_streaming,
    .attend_merge = attend_merge,
    .store_halves = store_all_halves,
    .gate_silu = gate_silu,
    .gate_gelu_tanh = gate_gelu_tanh,
    .encode = encode_searched,
};
