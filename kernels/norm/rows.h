// Strategy of GPUs: a thread group a vector.
#pragma once

struct prepare_rows {
  typedef PrepareLaunch Params;
  struct Room { float sums[split_warps]; };
  enum { threads = split_warps * warp_lanes };
  fn run(PARAMS(PrepareLaunch) p, SHARED Room& room, Place at) -> void {
    DEVICE const float* x = p.x + (i64)at.group * p.cols;
    float inverse = inverse_rms(x, p.norm, p.cols, p.epsilon, room.sums, at);
    for (int c = (int)at.warp(); c < p.cols / 32; c += split_warps) {
      int i = 32 * c + (int)at.lane();
      quantize_out(p.out, at.group, p.cols, i, true, p.norm ? x[i] * inverse * p.norm[i] : x[i]);
    }
  }
};

struct norm_add_rows {
  typedef NormAddLaunch Params;
  struct Room { float sums[split_warps]; };
  enum { threads = split_warps * warp_lanes };
  fn run(PARAMS(NormAddLaunch) p, SHARED Room& room, Place at) -> void {
    DEVICE const float* x = p.block + (i64)at.group * p.cols;
    DEVICE float* residual = p.residual + (i64)at.group * p.cols;
    float inverse = inverse_rms(x, p.norm, p.cols, p.epsilon, room.sums, at);
    for (int i = (int)at.index; i < p.cols; i += threads) residual[i] += x[i] * inverse * p.norm[i];
  }
};
