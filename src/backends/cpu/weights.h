// The weights of a program in their resident layout. A slice is packed once, however many steps use it.
#pragma once
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "backends/cpu/layout.h"
#include "backends/cpu/pool.h"
#include "backends/cpu/region.h"
#include "plan/backend.h"

namespace ingot::cpu {

/// Where the rows of the calls of a kernel are.
struct PackedSlice {
  plan::Slice slice;
  const u8* weights;
  uint64_t stride;  ///< from the rows of one call to those of the next
};

/// Bytes that the slices of `plan` take in their resident layouts.
uint64_t resident_bytes(const plan::Plan& plan, const Isa& isa, const plan::Options& options);

class ResidentWeights {
 public:
  /// Packs every slice that is multiplied by and has a resident layout, in the order in which a token reads them. Gate
  /// and up are read alternately, so their calls are interleaved: memory is fast only where the stream is sequential.
  ResidentWeights(const plan::Plan& plan, const Isa& isa, const plan::Options& options, Pool& pool);
  /// Null where the slice is read from the file.
  const PackedSlice* find(const plan::Slice& slice) const;
  uint64_t bytes() const { return bytes_; }

 private:
  std::unique_ptr<Region> region_;
  std::vector<PackedSlice> packed_;  // sorted by slice
  uint64_t bytes_ = 0;
};

}  // namespace ingot::cpu
