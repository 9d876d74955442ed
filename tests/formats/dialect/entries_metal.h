// What the dialect test calls in a Metal build: one thread decodes one block.
#define DECODE_ENTRY(format)                                                                       \
  kernel void decode_##format(const device u8* from [[buffer(0)]], device float* to [[buffer(1)]], \
                              uint n [[thread_position_in_grid]]) {                                \
    for (int i = 0; i < format::block; i++)                                                        \
      to[n * format::block + i] = decode<format>(view{from + n * format::block_bytes}, i);         \
  }
