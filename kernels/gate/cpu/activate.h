// Strategy: 16 elements at a time. Runs as the last stage of the projection that makes gate and up.
#pragma once
#include "gate/params.h"

// x · sigmoid(x)
fn silu(f32x16 x) { return div(x, add(broadcast_f32x16(1.0f), exponential(sub(broadcast_f32x16(0.0f), x)))); }

// x · Φ(x) by the tanh formula (Hendrycks & Gimpel 2016): x · sigmoid(2 u), u = sqrt(2/π) (x + 0.044715 x³)
fn gelu_tanh(f32x16 x) {
  f32x16 cube = mul(mul(x, x), x);
  f32x16 u = mul(fma(cube, broadcast_f32x16(0.044715f), x), broadcast_f32x16(-1.5957691216f));
  return div(x, add(broadcast_f32x16(1.0f), exponential(u)));
}

fn gate_silu(const GateParams& p) -> void {
  for (int i = 0; i < p.n; i += 16)
    store_f32x16(p.y + i, mul(silu(load_f32x16(Float32{}, (const u8*)(p.gate + i))),
                              load_f32x16(Float32{}, (const u8*)(p.up + i))));
}
fn gate_gelu_tanh(const GateParams& p) -> void {
  for (int i = 0; i < p.n; i += 16)
    store_f32x16(p.y + i, mul(gelu_tanh(load_f32x16(Float32{}, (const u8*)(p.gate + i))),
                              load_f32x16(Float32{}, (const u8*)(p.up + i))));
}
