// The codes of a resident tile as the lane vocabulary sees them. For CPU and GPU alike.
#pragma once

// The codes of quad q of a chunk: from each plane the bits of that quad, moved to their place in the code. `chunk`: where the lanes'
// words begin.
template <int bits, int q> fn quad_codes(BYTES chunk) {
  constexpr int p = plane_split<bits>::first, at = plane_split<bits>::rest;
  constexpr int per_byte = 8 / p, from = p * (q % per_byte);
  bytes codes = take<from - at>(load_bytes(chunk + q / per_byte * 4 * lane_rows), (u32)((1 << p) - 1) << at);
  if constexpr (at > 0) return merge(codes, quad_codes<at, q>(chunk + 4 * lane_rows * p));
  else return codes;
}
