// What the dialect test calls in a C++ build: decodes block `n` of a format; tells the bytes of a block; tells whether
// a block's codes and sub-scales keep to the bits that the format states.

template <class F> fn keeps_to_its_bits(view b) {
  bool keeps = true;
  if constexpr (facts<F>::integers) {
    for (int i = 0; i < (facts<F>::vector ? F::block / 8 : F::block); i++)
      keeps &= (u64)F::code(b, i) >> F::code_bits == 0;
    for (int g = 0; g < facts<F>::groups; g++) {
      int sub = sub_of<F>(b, g), sub_min = sub_min_of<F>(b, g);
      keeps &= sub >= sub_range<F>::lowest && sub <= sub_range<F>::highest && sub_min >= -128 && sub_min <= 127;
    }
  }
  return keeps;
}

#define DECODE_ENTRY(format)                                                               \
  extern "C" void decode_##format(const u8* from, float* to, u32 n) {                      \
    for (int i = 0; i < format::block; i++)                                                \
      to[n * format::block + i] = decode<format>(view{from + n * format::block_bytes}, i); \
  }                                                                                        \
  extern "C" int block_bytes_##format() { return format::block_bytes; }                    \
  extern "C" int keeps_to_its_bits_##format(const u8* from) { return keeps_to_its_bits<format>(view{from}); }
