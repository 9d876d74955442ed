// The kernels that one instruction set offers besides those of formats: the backend's list of ops, whose bodies are
// named in instance_ops.h. Types only, as kernels.h says.
#pragma once
#include "quant/encode_form.h"

namespace ingot::cpu {

#include "norm/params.h"
#include "gate/params.h"
#include "rope/params.h"
#include "attend/params.h"

/// Kernels that do not depend on a format.
struct OpKernels {
  /// Multiplies codes of 4 bits in registers alone (multiply_peak.h), `rounds` times, a multiple of 1024; returns the
  /// number of multiply-adds.
  i64 (*multiply)(i64 rounds);
  void (*norm)(const NormParams&);
  /// x (n) into codes (n), scales (n / 32) and sums (n / 16); n is a multiple of 32.
  void (*quantize)(const float* x, int n, i8* codes, float* scales, i16* sums);
  void (*rotate)(const RopeParams&);
  void (*attend)(const AttendParams&);
  void (*attend_merge)(const AttendMergeParams&);
  /// f32 (n) to f16 (n).
  void (*store_halves)(const float* x, int n, u16* to);
  void (*gate_silu)(const GateParams&);
  void (*gate_gelu_tanh)(const GateParams&);
  /// Weights into blocks of the form.
  void (*encode)(const EncodeParams&);
};

}  // namespace ingot::cpu
