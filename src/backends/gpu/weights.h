// Matrices and vectors of a plan as a device reads them: in its own memory, or, where it shares the processor's and
// reads file blocks, in the mapped file.
#pragma once
#include <map>
#include <memory>
#include <tuple>

#include "backends/gpu/device.h"
#include "plan/backend.h"

namespace ingot::gpu {

/// Whether matrices of a format are packed into tiles of 32 rows; otherwise their file blocks are copied as they are.
/// Tables whose rows are read by token are always file blocks.
bool has_tiles(const quant::Format& format);
/// Of 32 rows and one block; 0: none.
int tile_bytes(const quant::Format& format);
/// Bytes that a slice takes on the device. `tiles`: packed.
uint64_t device_bytes(const plan::Plan& plan, const plan::Slice& slice, bool tiles);
/// Bytes of all slices and vectors of a plan, each counted once.
struct WeightBytes {
  uint64_t all = 0;
  uint64_t blocks = 0;  ///< of these, slices in file blocks that a device with shared memory reads from the mapped file
};
WeightBytes weight_bytes(const plan::Plan& plan);

/// A slice in one of its layouts.
struct StoredSlice {
  plan::Slice slice;
  bool tiles = false;
  auto key() const {
    return std::tuple(slice.weight.index, slice.first_row, slice.rows, slice.first_col, slice.cols, tiles);
  }
  bool operator<(const StoredSlice& other) const { return key() < other.key(); }
};

class Weights {
 public:
  /// Packs and uploads what the plan's steps read, except what the device shares. Errors: no memory.
  Weights(Device& device, const plan::Plan& plan, const plan::Options& options);
  Address matrix(const plan::Slice& slice, bool tiles) const { return slices_.at({slice, tiles}); }
  /// 0 for an absent vector.
  Address vector(plan::Id<plan::Vector> id) const { return id ? vectors_.at(static_cast<size_t>(id.index)) : 0; }

 private:
  std::unique_ptr<Memory> memory_;
  std::map<StoredSlice, std::unique_ptr<Memory>> shared_;  // slices in the mapped file
  std::map<StoredSlice, Address> slices_;
  std::vector<Address> vectors_;
};

}  // namespace ingot::gpu
