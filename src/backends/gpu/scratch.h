// Device memory between the steps of a plan: values as floats and as codes, tables of angles, attention's partial sums,
// choices.
#pragma once
#include <memory>
#include <optional>

#include "backends/gpu/device.h"
#include "plan/backend.h"

namespace ingot::gpu {

/// int8 codes of vectors, as kernels leave and read them; all 0: none.
struct CodesAt {
  Address codes = 0, scales = 0, sums = 0;
};

/// Where the next tokens are chosen.
struct ChoicesAt {
  Address parts = 0;    ///< four words per output and part of its logits
  Address choices = 0;  ///< three words per output
};

class Scratch {
 public:
  /// Bytes that a plan's scratch takes, without allocating it.
  static uint64_t bytes(const plan::Plan& plan);
  Scratch(Device& device, const plan::Plan& plan);

  Address at(plan::Id<plan::Value> id) const { return floats_[static_cast<size_t>(id.index)]; }
  /// The codes of a value's vectors: as their producer or the reading step writes them. None where no matrix reads
  /// codes.
  CodesAt codes(plan::Id<plan::Value> id) const { return codes_[static_cast<size_t>(id.index)]; }
  Address cosines(plan::Id<plan::Rope> id) const {
    return cosines_[static_cast<size_t>(id.index)];
  }  ///< (context, dims / 2)
  Address sines(plan::Id<plan::Rope> id) const { return sines_[static_cast<size_t>(id.index)]; }
  Address inverse() const { return inverse_; }    ///< 1 / rms of a projection's rows
  Address partial() const { return partial_; }    ///< attention's sums before they are merged
  Address gathered() const { return gathered_; }  ///< rows whose logits are wanted
  ChoicesAt choices() const { return choices_; }
  /// Logits of the last run's outputs.
  void logits(Device& device, std::span<float> to) const;
  /// What was chosen, by launches for `capacity` outputs.
  void chosen(Device& device, int capacity, std::span<plan::Choice> to);

 private:
  static uint64_t lay_out(const plan::Plan& plan, Address base, Scratch* to);

  std::unique_ptr<Memory> memory_;
  std::vector<Address> floats_;
  std::vector<CodesAt> codes_;
  std::vector<Address> cosines_, sines_;
  Address inverse_ = 0, partial_ = 0, gathered_ = 0, logits_ = 0;
  ChoicesAt choices_;
  std::vector<int32_t> words_;
};

/// Runs into which the positions that a row sees are split, at most.
int attend_splits(const plan::Plan& plan);
/// Rows whose runs there is space for at once.
int attend_singles(const plan::Plan& plan);

}  // namespace ingot::gpu
