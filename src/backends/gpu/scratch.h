// Buffers between the steps of a plan, in device memory: activations as floats and as codes, tables of angles, the turn.
#pragma once
#include <memory>
#include <optional>

#include "plan/backend.h"
#include "backends/gpu/device.h"

namespace ingot::gpu {

/// int8 codes of vectors, as kernels leave and read them; all 0: none.
struct CodesAt {
  Address codes = 0, scales = 0, sums = 0;
};

/// Where the next token is chosen.
struct ChoiceAt {
  Address parts = 0;   ///< four words a part of the logits
  Address choice = 0;  ///< id of the token, log Σ exp(logit), its logit
};

class Scratch {
 public:
  /// Bytes that a plan's scratch takes, without allocating it.
  static uint64_t bytes(const plan::Plan& plan);
  Scratch(Device& device, const plan::Plan& plan);

  Address at(plan::Buffer buffer) const { return floats_[static_cast<size_t>(buffer)]; }
  /// The codes of a buffer's vectors: as their producer leaves them, or of the residual as the step in hand prepares them.
  CodesAt codes(plan::Buffer buffer) const { return codes_[static_cast<size_t>(buffer)]; }
  Address cosines(int rope) const { return cosines_[rope]; }  ///< (context, dims / 2)
  Address sines(int rope) const { return sines_[rope]; }
  Address partial() const { return partial_; }                ///< attention's sums before they are merged
  Address turn() const { return turn_; }
  ChoiceAt choice() const { return choice_; }
  /// Position and tokens of the next run. Nothing is copied where the device has them already.
  void set_turn(Device& device, std::span<const int32_t> tokens, int position);
  /// Logits of the last run's wanted tokens.
  void logits(Device& device, std::span<float> to) const;
  /// The token that was chosen, whose turn the device has made the next one; nullopt: the logits are not finite.
  std::optional<int32_t> chosen(Device& device);

 private:
  static uint64_t place(const plan::Plan& plan, Address base, Scratch* to);

  std::unique_ptr<Memory> memory_;
  std::vector<int32_t> turn_words_;  // what the device has; empty: not known
  Address floats_[plan::n_buffers] = {};
  CodesAt codes_[plan::n_buffers] = {};
  std::vector<Address> cosines_, sines_;
  Address partial_ = 0, turn_ = 0;
  ChoiceAt choice_;
};

/// Runs into which the positions that one token sees are split.
int attend_splits(const plan::Plan& plan);

}  // namespace ingot::gpu
