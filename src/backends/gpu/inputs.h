// What changes from run to run, as kernels read it (kernels/batch/gpu/header.h): the batch's header, its lines and the
// page table, in device memory. The host keeps a copy and uploads only differences, which are none where the device
// chose the tokens itself.
#pragma once
#include <memory>
#include <vector>

#include "backends/gpu/pages.h"
#include "plan/backend.h"

namespace ingot::gpu {

/// What a batch is made of.
struct BatchShape {
  int rows = 0, outputs = 0;
  int singles = 0, several = 0;  ///< sequences with one row, and with several
  bool in_order = true;          ///< output i is of row i
};

class Inputs {
 public:
  static uint64_t bytes(const plan::Plan& plan);
  Inputs(Device& device, const plan::Plan& plan);

  Address header() const { return memory_->address(); }
  Address page_table() const { return memory_->address() + table_at_; }
  int page_stride() const { return page_stride_; }

  /// Uploads the batch to the device. Errors: no such page, no memory for one.
  BatchShape set(Device& device, const plan::Batch& batch, PageStore& store);
  /// Records that the device has chosen a token for each output and put it into the rows of sequences with one row.
  void chosen(std::span<const plan::Choice> choices);

 private:
  void set_pages(Device& device, const plan::Batch& batch, PageStore& store);

  uint64_t table_at_;
  int page_stride_;
  std::unique_ptr<Memory> memory_;
  std::vector<int32_t> ints_;    // header and lines as the device has them; empty: unknown
  std::vector<int32_t> wanted_;  // the new ones
  std::vector<int32_t> table_;   // pages by sequence as the device has them; −1: unknown
  std::vector<Address> addresses_;
};

}  // namespace ingot::gpu
