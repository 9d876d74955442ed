// Matrix kernels for one token written by hand in plain CUDA C++: what the composed ones of kernels/gemv are held
// against, as bench/yardstick is on the CPU. Each knows one format and reads the same resident layout with 32 rows a
// tile (kernels/quant/resident.h), a lane a row; eight warps share out the sixteen runs of chunks of 32 weights, each
// reads four ahead. Sums are taken in the same order (kernels/gemv/runs.h), so the results are the composed kernels'
// bit for bit (tests/emulator/yardstick_test.cpp). bench/gpu/machine_code.py compares their machine code.

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

// A warp's two runs of a row, then all sixteen in order. `sum(begin, end)`: of the chunks begin … end − 1.
template <class Sum> static __device__ __forceinline__ void in_runs(const Call& p, Sum sum) {
  __shared__ float sums[16][32];
  int lane = threadIdx.x % 32, warp = threadIdx.x / 32, row = blockIdx.x * 32 + lane, length = (p.chunks + 31) / 32 * 2;
#pragma unroll 1
  for (int run = warp; run < 16; run += 8) {
    int begin = run * length, end = begin + length;
    sums[run][lane] = sum(begin, end < p.chunks ? end : p.chunks);
  }
  __syncthreads();
  if (warp > 0 || row >= p.rows) return;
  float y = 0;
  for (int run = 0; run < 16; run++) y += sums[run][lane];
  p.y[row] = y;
}

// A tile is a chunk: 32 scales, then four words of each row.
extern "C" __global__ void __launch_bounds__(256, 3) yardstick_q4_0(const __grid_constant__ Call p) {
  enum { tile = 64 + 512 };
  int lane = threadIdx.x % 32;
  in_runs(p, [&](int c, int end) {
    const unsigned char* at = p.weights + ((long long)blockIdx.x * p.chunks + c) * tile;
    const unsigned char* scale_at = at + 2 * lane;
    const unsigned char* words_at = at + 64 + 4 * lane;
    const uint4* codes = p.codes + 2 * c;
    const float* scales = p.scales + c;
    const int2* sums = p.sums + c;
    float acc = 0;
    auto chunk = [&](const unsigned* w, float scale, int a) {
      int2 sum = sums[a];
      acc = fmaf((float)products_of_nibbles(w, codes[2 * a], codes[2 * a + 1], -8 * (sum.x + sum.y)), scale * scales[a],
                 acc);
    };
    auto next = [&](int count) {
      c += count, scale_at += count * tile, words_at += count * tile, codes += 2 * count, scales += count,
          sums += count;
    };
#pragma unroll 1
    for (; c + 4 <= end; next(4)) {
      unsigned w[4][4];
      float scale[4];
#pragma unroll
      for (int a = 0; a < 4; a++) {
#pragma unroll
        for (int i = 0; i < 4; i++) w[a][i] = *(const unsigned*)(words_at + a * tile + 128 * i);
        scale[a] = half_at(scale_at + a * tile);
      }
#pragma unroll
      for (int a = 0; a < 4; a++) chunk(w[a], scale[a], a);
    }
#pragma unroll 1
    for (; c < end; next(1)) {
      unsigned w[4];
#pragma unroll
      for (int i = 0; i < 4; i++) w[i] = *(const unsigned*)(words_at + 128 * i);
      chunk(w, half_at(scale_at), 0);
    }
    return acc;
  });
}

// As Q4_0, with eight words of each row.
extern "C" __global__ void __launch_bounds__(256, 3) yardstick_q8_0(const __grid_constant__ Call p) {
  enum { tile = 64 + 1024 };
  int lane = threadIdx.x % 32;
  in_runs(p, [&](int c, int end) {
    const unsigned char* at = p.weights + ((long long)blockIdx.x * p.chunks + c) * tile;
    const unsigned char* scale_at = at + 2 * lane;
    const unsigned char* words_at = at + 64 + 4 * lane;
    const uint4* codes = p.codes + 2 * c;
    const float* scales = p.scales + c;
    float acc = 0;
    auto chunk = [&](const unsigned* w, float scale, int a) {
      acc = fmaf((float)products(w, codes[2 * a], codes[2 * a + 1], 0), scale * scales[a], acc);
    };
    auto next = [&](int count) {
      c += count, scale_at += count * tile, words_at += count * tile, codes += 2 * count, scales += count;
    };
#pragma unroll 1
    for (; c + 4 <= end; next(4)) {
      unsigned w[4][8];
      float scale[4];
#pragma unroll
      for (int a = 0; a < 4; a++) {
#pragma unroll
        for (int i = 0; i < 8; i++) w[a][i] = *(const unsigned*)(words_at + a * tile + 128 * i);
        scale[a] = half_at(scale_at + a * tile);
      }
#pragma unroll
      for (int a = 0; a < 4; a++) chunk(w[a], scale[a], a);
    }
#pragma unroll 1
    for (; c < end; next(1)) {
      unsigned w[8];
#pragma unroll
      for (int i = 0; i < 8; i++) w[i] = *(const unsigned*)(words_at + 128 * i);
      chunk(w, half_at(scale_at), 0);
    }
    return acc;
  });
}

// A tile is eight chunks: 32 scales, 32 minima, eight times 32 sub-scales, as many of the minima, then the words.
extern "C" __global__ void __launch_bounds__(256, 3) yardstick_q4_k(const __grid_constant__ Call p) {
  enum { subs = 128, sub_mins = subs + 256, words = sub_mins + 256, tile = words + 8 * 512 };
  int lane = threadIdx.x % 32;
  const unsigned char* tiles = p.weights + (long long)blockIdx.x * (p.chunks / 8) * tile;
  struct Chunk {
    unsigned w[4];
    float scale, min;
  };
  in_runs(p, [&](int c, int end) {
    const uint4* codes = p.codes + 2 * c;
    const float* scales = p.scales + c;
    const int2* sums = p.sums + c;
    float acc = 0;
    auto read = [&](int a) {
      Chunk k;
      const unsigned char* at = tiles + (long long)((c + a) / 8) * tile;
      int in = (c + a) % 8;
#pragma unroll
      for (int i = 0; i < 4; i++) k.w[i] = *(const unsigned*)(at + words + 512 * in + 4 * lane + 128 * i);
      k.scale = half_at(at + 2 * lane) * (float)(signed char)at[subs + 32 * in + lane];
      k.min = half_at(at + 64 + 2 * lane) * (float)(signed char)at[sub_mins + 32 * in + lane];
      return k;
    };
    auto chunk = [&](const Chunk& k, int a) {
      int2 sum = sums[a];
      float x = scales[a];
      acc = fmaf((float)products_of_nibbles(k.w, codes[2 * a], codes[2 * a + 1], 0), k.scale * x, acc);
      acc = fmaf(k.min, (float)(sum.x + sum.y) * x, acc);
    };
    auto next = [&](int count) { c += count, codes += 2 * count, scales += count, sums += count; };
#pragma unroll 1
    for (; c + 4 <= end; next(4)) {
      Chunk all[4];
#pragma unroll
      for (int a = 0; a < 4; a++) all[a] = read(a);
#pragma unroll
      for (int a = 0; a < 4; a++) chunk(all[a], a);
    }
#pragma unroll 1
    for (; c < end; next(1)) chunk(read(0), 0);
    return acc;
  });
}
