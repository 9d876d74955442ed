// Encoding weights: what a launch is given, and what it has to know of a format. A format reaches this op as data, made
// from its accessors by quant/encoding.h; no kernel is compiled for one.
#pragma once

enum {
  encode_max_block = 256,   // weights of a block
  encode_max_groups = 16,   // groups of a block
  encode_max_levels = 256,  // distinct integers of a level, or of a sub-scale
  encode_max_near = 256     // codewords of a cell
};

/// Integers that a code or a sub-scale can stand for, ascending.
struct EncodeLevels {
  i32 count;
  i32 steps;                            ///< 1: successive integers, so the nearest one is found by rounding
  i32 in_order, in_order_from;          ///< 1: the bits that are stored for v are v + in_order_from
  float values[encode_max_levels];      ///< (count)
  float middles[encode_max_levels];     ///< (count − 1) halfway between values[k] and values[k + 1]
  float gaps[encode_max_levels];        ///< (count − 1) values[k + 1] − values[k]
  u32 patterns[2 * encode_max_levels];  ///< bits that are stored for the integer v, at v + encode_max_levels
};

/// How a float scale or minimum is stored.
struct EncodeNumber {
  i32 present;              ///< 0: the format has none, and the number is 1 (scales) or 0 (minima)
  i32 per_group;            ///< one for each group; otherwise one for a block
  i32 negative;             ///< it can be below zero
  i32 few;                  ///< how many there are, where that is so few that neighbours are worth trying; otherwise 0
  const float* values;      ///< (few) all of them, ascending
  float largest;            ///< finite
  u32 (*nearest)(float x);  ///< bits of the stored number nearest to x
  float (*value)(u32 bits);
};

/// Codewords for some of the eight weights of a run, and which of them are near to which numbers. Numbers become places
/// among `level`, one for each weight, and the places a cell; a book that is short has one cell.
struct EncodeBook {
  i32 first, length;  ///< weights first … first + length − 1 of the run; length is 4 or 8
  i32 near;           ///< codewords of a cell, a multiple of 8
  i32 levels;         ///< cells are levels^length, the first weight counting least; 1: there is one cell
  float middles[8];   ///< (levels − 1) between the levels
  const i8* values;   ///< [cells][length][near]
  const u32* codes;   ///< [cells][near] code bits
};

/// Bits of fields that lie side by side in a byte of the block: of `count` successive fields, in successive bytes.
struct EncodePiece {
  u16 field;  ///< index in the block's fields
  u16 byte;   ///< of the block
  u16 count;
  u8 from, shift;  ///< lowest bit in the field and in the byte
  u8 mask;         ///< as many ones as bits
};

/// Codes that a byte of the block keeps as digits of a number.
struct EncodeDigits {
  u16 byte;
  u16 count, base;  ///< codes in the byte, and how many values each has
  u16 fields[8];    ///< (count)
  const u8* bytes;  ///< [base^count] the byte, by codes; the first field counts most
};

/// A format as the encoder sees it. The fields of a block stand in this order: codes (one for each weight or run of
/// eight), scales, sub-scales, minima, sub-minima; each holds the bits that are stored, turned over where a block of
/// zeros says ones.
struct EncodeForm {
  i32 block, group, block_bytes;
  float unit;  ///< factor of every scale
  i32 has_sub, has_sub_min;
  EncodeNumber scale, min, number;  ///< number: of a floating format, whose codes it is
  EncodeLevels level;               ///< of weights; of codewords: the integers that they consist of
  EncodeLevels sub, sub_min;        ///< of groups

  i32 run_of_eight;       ///< codes are codewords of eight weights
  i32 books;              ///< 2: each half of a run has its own codeword; otherwise 1
  i32 variants;           ///< 2: codewords come in two sorts, told apart by a bit of the code; otherwise 1
  i32 variant_is_shared;  ///< all runs of a group have the same sort
  EncodeBook book[2][2];  ///< (books)(variants)
  i32 signs;            ///< 0: codewords have their signs; 1: eight free signs a run; 2: an even number of minus signs
  u32 sign_codes[256];  ///< code bits of the signs, by a mask of minus signs

  i32 fields, scale_field, sub_field, min_field, sub_min_field;
  u32 zero_fields[2 *
                  encode_max_block];  ///< (fields) what a block of zero bytes holds: the bits are stored xored with it
  i32 pieces, digits;
  const EncodePiece* piece;   ///< (pieces)
  const EncodeDigits* digit;  ///< (digits)
};

/// One launch.
struct EncodeParams {
  const EncodeForm* form;
  const float* x;           ///< [blocks · block] weights, all finite
  const float* importance;  ///< [blocks · block] not negative, finite; null: all the same
  i64 blocks;
  u8* to;  ///< [blocks][block_bytes]
};
