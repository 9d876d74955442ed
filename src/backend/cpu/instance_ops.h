// Body of a generated kernel instance: the ops that know no format, in the lane vocabulary that was included before.
#pragma once
#include "backend/cpu/lanes/math.h"
#include "backend/cpu/multiply_peak.h"
#include "norm/rms_norm.h"
#include "gemv/quantize_in.h"
#include "gate/activate.h"
#include "rope/rotate.h"
#include "attend/streaming.h"

inline void run_norm(const NormParams& p) { rms_norm(p); }
inline void run_quantize(const float* x, int n, i8* codes, float* scales, i16* sums) { quantize_activations(x, n, codes, scales, sums); }
inline void run_rotate(const RopeParams& p) { rotate(p); }
inline void run_attend(const AttendParams& p) { attend_streaming(p); }
inline void run_store_halves(const float* x, int n, u16* to) {
  for (int i = 0; i < n; i += 16) store_halves(to + i, load_wide(Float32{}, (const u8*)(x + i)));
}
inline void run_gate_silu(const GateParams& p) { gate_silu(p); }
inline void run_gate_gelu_tanh(const GateParams& p) { gate_gelu_tanh(p); }
