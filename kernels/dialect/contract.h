// The words in which a format file is written: the view of a block's bytes, the number types that scales are stored in,
// and the four kinds of values. Included after a dialect; the same text for all targets. A format file includes nothing
// but its own tables.
//
// A format is a struct that derives from one kind and states
//   facts      enum { ggml_id, block, group, code_bits, block_bytes }   weights per block, weights per scale, bits per
//                                                   code
//              zero                                 kind affine: the code that means 0; 0 when left out
//              lowest_sub, highest_sub              range of sub, where it is less than a byte's: small products of sub
//                                                   and value make prompts faster
//   codes      code(b, i) -> u32                    i: weight in the block (kind vector: the i-th run of 8 weights)
//   scales     scale(b) or scale(b, g) -> a number  a float per block or per group; left out: 1
//              sub(b, g) -> int                     integer factor of group g, −128 … 127
//              min(b) or min(b, g), sub_min(b, g)   the same for an added minimum
//              unit() -> float                      a power of two on every scale
// and means
//   w[i] = unit · scale · sub(g) · value(code(i)) + min · sub_min(g),   g = i / group
// with value by kind
//   affine     code − zero
//   table      value(code) -> int                   2^code_bits integers of 8 bits
//   vector     expand(code) -> u64                  8 signed bytes, weight k of the run in byte k. When all these bytes
//                                                   are among few values, enum { values } says how many, 2 to 16, and
//                                                   value(c) -> int lists them, ascending; left out: no resident layout
//   floating   value(b, i) -> a number              no code, no integers
#pragma once

enum value_kind { affine_values, table_values, vector_values, float_values };

struct affine {
  enum { kind = affine_values, zero = 0 };
};
struct table {
  enum { kind = table_values };
};
struct vector {
  enum { kind = vector_values };
};
struct floating {
  enum { kind = float_values };
};

// ---- numbers as files store them: bits that know their value. `storage_bytes` is their size in a file.

struct Float32 {
  enum { storage_bytes = 4 };
  u32 bits;
  MEMBER operator float() const { return float_of(bits); }
};
struct Float16 {
  enum { storage_bytes = 2 };
  u32 bits;
  MEMBER operator float() const { return half_to_float(bits); }
  MEMBER Float16 operator-() const { return Float16{bits ^ 0x8000u}; }
};
struct BFloat16 {
  enum { storage_bytes = 2 };
  u32 bits;
  MEMBER operator float() const { return float_of(bits << 16); }
};
// 2^(e − 128): the OCP exponent byte, halved because the 4-bit float tables that it scales are stored doubled. Byte 255
// (NaN in the OCP specification) is 2^127 here, as in ggml.
struct E8M0Half {
  enum { storage_bytes = 1 };
  u32 bits;
  MEMBER operator float() const { return float_of(bits < 2 ? 0x00200000u << bits : (bits - 1) << 23); }
};
// Unsigned e4m3 (4 exponent bits of bias 7, 3 mantissa bits), halved for the same reason. The top bit is ignored. Byte
// 127 (NaN) is 0 and byte 255 is 480 / 2, as in ggml.
struct UE4M3Half {
  enum { storage_bytes = 1 };
  u32 bits;
  MEMBER operator float() const { return bits == 127u ? 0.0f : float_of((bits & 127u) << 20) * float_of(0x7b000000u); }
};

// ---- the bytes of one block; offsets in bytes, little endian, no alignment assumed. Nothing at or past block_bytes
// may be read, not even bits that are masked off: the last block of a file ends where its memory ends. Its bytes are
// `step` apart: 1 in a file; n where the blocks of n rows were interleaved so that each byte is a vector of n
// (quant/pack.h).

struct view {
  BYTES at;
  int step = 1;
  MEMBER u32 byte(int o) const { return at[o * step]; }
  MEMBER int signed_byte(int o) const { return (int)(i8)byte(o); }
  MEMBER u32 word16(int o) const { return byte(o) | byte(o + 1) << 8; }
  MEMBER u32 word32(int o) const { return word16(o) | word16(o + 2) << 16; }
  MEMBER Float32 f32(int o) const { return Float32{word32(o)}; }
  MEMBER Float16 f16(int o) const { return Float16{word16(o)}; }
  MEMBER BFloat16 bf16(int o) const { return BFloat16{word16(o)}; }
  MEMBER E8M0Half e8m0_half(int o) const { return E8M0Half{byte(o)}; }
  MEMBER UE4M3Half ue4m3_half(int o) const { return UE4M3Half{byte(o)}; }
};
