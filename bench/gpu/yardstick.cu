// Matrix kernels for one token written by hand in plain CUDA C++: what the composed ones of kernels/gemv are compared
// with, as bench/yardstick is on the CPU. Each knows one format and reads the same resident layout with 32 rows per
// tile (kernels/quant/resident.h), one lane per row; eight warps split the chunks of 32 weights, each reads four ahead.
// Sums are taken in the same order (kernels/gemv/params.h), so the results are the composed kernels' bit for bit
// (tests/emulator/yardstick_test.cpp). bench/gpu/machine_code.py compares their machine code.

struct Call {
  const unsigned char* weights;
  const uint4* codes;   // two a chunk
  const float* scales;  // one a chunk
  const int2* sums;     // of the two halves of a chunk
  float* y;
  int rows, chunks;
};

static __device__ __forceinline__ float half_at(const unsigned char* p) {
  unsigned short bits = *(const unsigned short*)p;
#ifdef EMULATED
  return half_to_float(bits);
#else
  float x;
  asm("cvt.f32.f16 %0, %1;" : "=f"(x) : "h"(bits));
  return x;
#endif
}

// Eight words of four codes each times a chunk of the input.
static __device__ __forceinline__ int products(const unsigned* w, uint4 x0, uint4 x1, int sum) {
  sum = __dp4a((int)w[0], (int)x0.x, sum);
  sum = __dp4a((int)w[1], (int)x0.y, sum);
  sum = __dp4a((int)w[2], (int)x0.z, sum);
  sum = __dp4a((int)w[3], (int)x0.w, sum);
  sum = __dp4a((int)w[4], (int)x1.x, sum);
  sum = __dp4a((int)w[5], (int)x1.y, sum);
  sum = __dp4a((int)w[6], (int)x1.z, sum);
  return __dp4a((int)w[7], (int)x1.w, sum);
}
static __device__ __forceinline__ int products_of_nibbles(const unsigned* w, uint4 x0, uint4 x1, int sum) {
  unsigned quads[8];
#pragma unroll
  for (int i = 0; i < 4; i++) {
    quads[2 * i] = w[i] & 0x0f0f0f0f;
    quads[2 * i + 1] = w[i] >> 4 & 0x0f0f0f0f;
  }
  return products(quads, x0, x1, sum);
}

// The eight warps' sums of a row, in order.
static __device__ __forceinline__ void finish(const Call& p, float sum) {
  __shared__ float sums[8][32];
  int lane = threadIdx.x % 32, warp = threadIdx.x / 32, row = blockIdx.x * 32 + lane;
  sums[warp][lane] = sum;
  __syncthreads();
  if (warp > 0 || row >= p.rows) return;
  float y = 0;
  for (int w = 0; w < 8; w++) y += sums[w][lane];
  p.y[row] = y;
}

// A tile is a chunk: 32 scales, then four words of each row.
extern "C" __global__ void __launch_bounds__(256, 3) yardstick_q4_0(const __grid_constant__ Call p) {
  enum { tile = 64 + 512, step = 8 * tile };
  int lane = threadIdx.x % 32, warp = threadIdx.x / 32, c = warp;
  const unsigned char* at = p.weights + ((long long)blockIdx.x * p.chunks + warp) * tile;
  const unsigned char* scale_at = at + 2 * lane;
  const unsigned char* words_at = at + 64 + 4 * lane;
  const uint4* codes = p.codes + 2 * warp;
  const float* scales = p.scales + warp;
  const int2* sums = p.sums + warp;
  float acc = 0;
  auto chunk = [&](const unsigned* w, float scale, int a) {
    int2 sum = sums[8 * a];
    acc = fmaf((float)products_of_nibbles(w, codes[16 * a], codes[16 * a + 1], -8 * (sum.x + sum.y)),
               scale * scales[8 * a], acc);
  };
  auto next = [&](int count) {
    c += 8 * count, scale_at += count * step, words_at += count * step, codes += 16 * count, scales += 8 * count,
        sums += 8 * count;
  };
#pragma unroll 1
  for (; c + 24 < p.chunks; next(4)) {
    unsigned w[4][4];
    float scale[4];
#pragma unroll
    for (int a = 0; a < 4; a++) {
#pragma unroll
      for (int i = 0; i < 4; i++) w[a][i] = *(const unsigned*)(words_at + a * step + 128 * i);
      scale[a] = half_at(scale_at + a * step);
    }
#pragma unroll
    for (int a = 0; a < 4; a++) chunk(w[a], scale[a], a);
  }
#pragma unroll 1
  for (; c < p.chunks; next(1)) {
    unsigned w[4];
#pragma unroll
    for (int i = 0; i < 4; i++) w[i] = *(const unsigned*)(words_at + 128 * i);
    chunk(w, half_at(scale_at), 0);
  }
  finish(p, acc);
}

// As Q4_0, with eight words of each row.
extern "C" __global__ void __launch_bounds__(256, 3) yardstick_q8_0(const __grid_constant__ Call p) {
  enum { tile = 64 + 1024, step = 8 * tile };
  int lane = threadIdx.x % 32, warp = threadIdx.x / 32, c = warp;
  const unsigned char* at = p.weights + ((long long)blockIdx.x * p.chunks + warp) * tile;
  const unsigned char* scale_at = at + 2 * lane;
  const unsigned char* words_at = at + 64 + 4 * lane;
  const uint4* codes = p.codes + 2 * warp;
  const float* scales = p.scales + warp;
  float acc = 0;
  auto chunk = [&](const unsigned* w, float scale, int a) {
    acc = fmaf((float)products(w, codes[16 * a], codes[16 * a + 1], 0), scale * scales[8 * a], acc);
  };
  auto next = [&](int count) {
    c += 8 * count, scale_at += count * step, words_at += count * step, codes += 16 * count, scales += 8 * count;
  };
#pragma unroll 1
  for (; c + 24 < p.chunks; next(4)) {
    unsigned w[4][8];
    float scale[4];
#pragma unroll
    for (int a = 0; a < 4; a++) {
#pragma unroll
      for (int i = 0; i < 8; i++) w[a][i] = *(const unsigned*)(words_at + a * step + 128 * i);
      scale[a] = half_at(scale_at + a * step);
    }
#pragma unroll
    for (int a = 0; a < 4; a++) chunk(w[a], scale[a], a);
  }
#pragma unroll 1
  for (; c < p.chunks; next(1)) {
    unsigned w[8];
#pragma unroll
    for (int i = 0; i < 8; i++) w[i] = *(const unsigned*)(words_at + 128 * i);
    chunk(w, half_at(scale_at), 0);
  }
  finish(p, acc);
}

// A tile is eight chunks, one per warp: 32 scales, 32 minima, eight times 32 sub-scales, as many of the minima, then
// the words.
extern "C" __global__ void __launch_bounds__(256, 3) yardstick_q4_k(const __grid_constant__ Call p) {
  enum { subs = 128, sub_mins = subs + 256, words = sub_mins + 256, tile = words + 8 * 512 };
  int lane = threadIdx.x % 32, warp = threadIdx.x / 32, c = warp;
  const unsigned char* at = p.weights + (long long)blockIdx.x * (p.chunks / 8) * tile;
  const unsigned char* scale_at = at + 2 * lane;
  const unsigned char* sub_at = at + subs + 32 * warp + lane;
  const unsigned char* words_at = at + words + 512 * warp + 4 * lane;
  const uint4* codes = p.codes + 2 * warp;
  const float* scales = p.scales + warp;
  const int2* sums = p.sums + warp;
  struct Factors {
    float scale, min;
  };
  auto factors = [&](int a) {
    const signed char* sub = (const signed char*)sub_at + a * tile;
    return Factors{half_at(scale_at + a * tile) * (float)sub[0],
                   half_at(scale_at + a * tile + 64) * (float)sub[sub_mins - subs]};
  };
  float acc = 0;
  auto chunk = [&](const unsigned* w, const Factors& f, int a) {
    int2 sum = sums[8 * a];
    float x = scales[8 * a];
    acc = fmaf((float)products_of_nibbles(w, codes[16 * a], codes[16 * a + 1], 0), f.scale * x, acc);
    acc = fmaf(f.min, (float)(sum.x + sum.y) * x, acc);
  };
  auto next = [&](int count) {
    c += 8 * count, scale_at += count * tile, sub_at += count * tile, words_at += count * tile, codes += 16 * count,
        scales += 8 * count, sums += 8 * count;
  };
#pragma unroll 1
  for (; c + 24 < p.chunks; next(4)) {
    unsigned w[4][4];
    Factors f[4];
#pragma unroll
    for (int a = 0; a < 4; a++) {
#pragma unroll
      for (int i = 0; i < 4; i++) w[a][i] = *(const unsigned*)(words_at + a * tile + 128 * i);
      f[a] = factors(a);
    }
#pragma unroll
    for (int a = 0; a < 4; a++) chunk(w[a], f[a], a);
  }
#pragma unroll 1
  for (; c < p.chunks; next(1)) {
    unsigned w[4];
#pragma unroll
    for (int i = 0; i < 4; i++) w[i] = *(const unsigned*)(words_at + 128 * i);
    chunk(w, factors(0), 0);
  }
  finish(p, acc);
}
