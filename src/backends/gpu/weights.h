// Matrices and vectors of a plan as a device reads them: in its own memory, or, where it shares the processor's and reads file blocks, in the
// mapped file.
#pragma once
#include <map>
#include <memory>

#include "plan/backend.h"
#include "backends/gpu/device.h"

namespace ingot::gpu {

/// Whether `matrix` is packed into tiles of 32 rows; otherwise its file blocks are copied as they are.
bool has_tiles(const plan::Matrix& matrix);
/// Of 32 rows and one block; 0: none.
int tile_bytes(const plan::Matrix& matrix);
/// Bytes that it takes on the device. `tiles`: packed.
uint64_t device_bytes(const plan::Matrix& matrix, bool tiles);
/// Bytes of all matrices and vectors of a plan, each counted once.
struct WeightBytes {
  uint64_t all = 0;
  uint64_t blocks = 0;  ///< of these, matrices in file blocks: a device that shares memory reads them in the file
};
WeightBytes weight_bytes(const plan::Plan& plan);

class Weights {
 public:
  /// Packs and uploads what the plan's steps read, but for what the device shares. Errors: no memory.
  Weights(Device& device, const plan::Plan& plan, const plan::Options& options);
  Address matrix(const plan::Matrix& matrix, bool tiles) const { return matrices_.at({matrix.data, tiles}); }
  /// 0 for an empty vector.
  Address vector(const plan::Vector& vector) const { return vector.empty() ? 0 : vectors_.at(vector.data()); }

 private:
  std::unique_ptr<Memory> memory_;
  std::map<const std::byte*, std::unique_ptr<Memory>> shared_;  // of matrices in the mapped file
  std::map<std::pair<const std::byte*, bool>, Address> matrices_;
  std::map<const float*, Address> vectors_;
};

}  // namespace ingot::gpu
