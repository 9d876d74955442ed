// What the dialect test compiles, and runs where there is a device, in a CUDA build: one thread decodes one block.
#define DECODE_ENTRY(format)                                                               \
  extern "C" __global__ void decode_##format(const u8* from, float* to, u32 count) {       \
    u32 n = blockIdx.x * blockDim.x + threadIdx.x;                                         \
    if (n >= count) return;                                                                \
    for (int i = 0; i < format::block; i++)                                                \
      to[n * format::block + i] = decode<format>(view{from + n * format::block_bytes}, i); \
  }
