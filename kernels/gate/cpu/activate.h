// Strategy: 16 elements at a time. Runs as the last stage of the projection that makes gate and up.
#pragma once
#include "gate/params.h"

// x · sigmoid(x)
fn silu(wide x) { return over(x, plus(wide_splat(1.0f), exponential(minus(wide_splat(0.0f), x)))); }

// x · Φ(x) by the tanh formula (Hendrycks & Gimpel 2016): x · sigmoid(2 u), u = sqrt(2/π) (x + 0.044715 x³)
fn gelu_tanh(wide x) {
  wide cube = times(times(x, x), x);
  wide u = times(fma(cube, wide_splat(0.044715f), x), wide_splat(-1.5957691216f));
  return over(x, plus(wide_splat(1.0f), exponential(u)));
}

fn gate_silu(const GateParams& p) -> void {
  for (int i = 0; i < p.n; i += 16)
    store_wide(p.y + i, times(silu(load_wide(Float32{}, (const u8*)(p.gate + i))), load_wide(Float32{}, (const u8*)(p.up + i))));
}
fn gate_gelu_tanh(const GateParams& p) -> void {
  for (int i = 0; i < p.n; i += 16)
    store_wide(p.y + i, times(gelu_tanh(load_wide(Float32{}, (const u8*)(p.gate + i))), load_wide(Float32{}, (const u8*)(p.up + i))));
}
