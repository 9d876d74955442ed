// Arithmetic on the 8 signed bytes of a run of weights, all at once in one u64: no carry leaves its byte. For vector
// formats, whose tables hold magnitudes.
#pragma once

// Two codewords of 4 bytes as one run, the first in the low half.
fn halves(u32 first, u32 second) { return (u64)first | (u64)second << 32; }

// 7 stored signs and the eighth that makes the number of minus signs even.
fn even_signs(u32 signs) {
  u32 parity = signs ^ signs >> 4;
  parity ^= parity >> 2;
  parity ^= parity >> 1;
  return (signs & 127) | (parity & 1) << 7;
}

// Negates byte k where bit k of `signs` is set; bytes are 1 … 127. Bit k is spread to byte k, where adding 127 carries
// it to the top; minus x is not(x) + 1, and not(x) is at most 254 as x is not 0.
fn with_signs(u64 bytes, u32 signs) {
  u64 spread = (signs & 255) * (u64)0x0101010101010101 & (u64)0x8040201008040201;
  u64 ones = (spread + (u64)0x7f7f7f7f7f7f7f7f) >> 7 & (u64)0x0101010101010101;
  return (bytes ^ ones * 255) + ones;
}

// 8x + 1, or 8x − 1 where `minus` is 1 and not 0, of bytes −1, 0 and 1. Adding 128 first (its top bit flipped) keeps
// every byte between 119 and 137 while it changes.
fn eight_times_plus_one(u64 bytes, u32 minus) {
  u64 raised = (bytes << 3 & (u64)0xf8f8f8f8f8f8f8f8) ^ (u64)0x8080808080808080;
  return (raised + (u64)0x0101010101010101 - minus * (u64)0x0202020202020202) ^ (u64)0x8080808080808080;
}
