#include "backends/gpu/scratch.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "backends/gpu/parameters.h"
#include "backends/gpu/weights.h"

namespace ingot::gpu {

using plan::Id;
using plan::Value;

namespace {

// Hands out parts of one block of memory, or only counts.
class Arena {
 public:
  explicit Arena(Address base = 0) : base_(base) {}
  Address take(uint64_t bytes) {
    Address at = base_ + used_;
    used_ = capped_sum(used_, capped_sum(bytes, 255) / 256 * 256);
    return at;
  }
  uint64_t used() const { return used_; }

 private:
  Address base_;
  uint64_t used_ = 0;
};

int capacity(const plan::Plan& plan, const Value& value) {
  return value.rows == Value::Rows::tokens ? plan.limits.max_rows : plan.limits.max_outputs;
}

// The input of a projection, and what its matrices are.
struct Input {
  Id<Value> from;
  bool coded = false, gathered = false;
};
std::optional<Input> input_of(const plan::Plan& plan, const plan::Op& op) {
  Input input;
  Id<Value> to;
  if (const auto* linear = std::get_if<plan::Linear>(&op))
    input.from = linear->from, to = linear->outputs.front().to;
  else if (const auto* gated = std::get_if<plan::GatedLinear>(&op))
    input.from = gated->from, to = gated->to;
  else
    return std::nullopt;
  for (const plan::Slice& slice : plan::slices_of(op)) input.coded = input.coded || has_tiles(*plan[slice].format);
  input.gathered = plan[input.from].rows != plan[to].rows;
  return input;
}

// Bytes of the sums of one row's runs.
uint64_t partial_bytes(const plan::Plan& plan) {
  uint64_t bytes = 0;
  for (const plan::State& state : plan.states)
    bytes = std::max(bytes, capped_product(attend_splits(plan), state.heads.heads,
                                           capped_sum(state.heads.value_size, 2), sizeof(float)));
  return bytes;
}

}  // namespace

int attend_splits(const plan::Plan& plan) { return attend_run_of(std::max(plan.limits.context, 1) - 1) + 1; }

int attend_singles(const plan::Plan& plan) {
  constexpr uint64_t max_bytes = uint64_t{64} << 20, max_singles = 128;
  const uint64_t fit = std::clamp<uint64_t>(max_bytes / std::max<uint64_t>(1, partial_bytes(plan)), 1, max_singles);
  return static_cast<int>(std::min<uint64_t>(fit, static_cast<uint64_t>(plan.limits.max_rows)));
}

// Lays out everything, in the order of the class. Fills `to` unless it is null.
uint64_t Scratch::lay_out(const plan::Plan& plan, Address base, Scratch* to) {
  Arena arena(base);
  std::vector<bool> coded(plan.values.size());
  uint64_t gathered = 0;
  for (const plan::Step& step : plan.steps)
    if (const std::optional<Input> input = input_of(plan, step.op)) {
      if (input->coded) coded[static_cast<size_t>(input->from.index)] = true;
      if (input->gathered)
        gathered = std::max(gathered, capped_product(plan.limits.max_outputs, plan[input->from].cols, sizeof(float)));
    }
  for (size_t i = 0; i < plan.values.size(); i++) {
    const uint64_t numbers = capped_product(capacity(plan, plan.values[i]), plan.values[i].cols);
    const Address floats = arena.take(capped_product(numbers, sizeof(float)));
    CodesAt codes;
    if (coded[i]) codes = {arena.take(numbers), arena.take(numbers / 32 * 4), arena.take(numbers / 16 * 4)};
    if (to) to->floats_.push_back(floats), to->codes_.push_back(codes);
  }
  const Address inverse = arena.take(capped_product(plan.limits.max_rows, sizeof(float))),
                partial = arena.take(capped_product(attend_singles(plan), partial_bytes(plan))),
                gathered_at = arena.take(gathered);
  const uint64_t parts = static_cast<uint64_t>(plan.vocab()) / sample_part + 1;
  const ChoicesAt choices{arena.take(capped_product(plan.limits.max_outputs, parts, 16)),
                          arena.take(capped_product(plan.limits.max_outputs, 12))};
  if (to) to->inverse_ = inverse, to->partial_ = partial, to->gathered_ = gathered_at, to->choices_ = choices;
  for (const plan::Rope& rope : plan.ropes) {
    const uint64_t angles = capped_product(plan.limits.context, rope.dims / 2, sizeof(float));
    const Address cosines = arena.take(angles), sines = arena.take(angles);
    if (to) to->cosines_.push_back(cosines), to->sines_.push_back(sines);
  }
  return arena.used();
}

uint64_t Scratch::bytes(const plan::Plan& plan) { return lay_out(plan, 0, nullptr); }

Scratch::Scratch(Device& device, const plan::Plan& plan) : memory_(device.allocate(bytes(plan), "scratch")) {
  lay_out(plan, memory_->address(), this);
  logits_ = at(plan.logits);
  words_.resize(capped_product(plan.limits.max_outputs, 3));
  for (size_t r = 0; r < plan.ropes.size(); r++) {
    const plan::Rope& rope = plan.ropes[r];
    int half = rope.dims / 2;
    std::vector<float> cosines(capped_product(plan.limits.context, half)), sines(cosines.size());
    for (int64_t position = 0; position < plan.limits.context; position++)
      for (int i = 0; i < half; i++) {
        double angle = double(position) * rope.frequencies[i];
        cosines[position * half + i] = static_cast<float>(std::cos(angle) * rope.magnitude);
        sines[position * half + i] = static_cast<float>(std::sin(angle) * rope.magnitude);
      }
    device.upload(*memory_, cosines_[r] - memory_->address(), std::as_bytes(std::span(cosines)));
    device.upload(*memory_, sines_[r] - memory_->address(), std::as_bytes(std::span(sines)));
  }
}

void Scratch::logits(Device& device, std::span<float> to) const {
  device.download(*memory_, logits_ - memory_->address(), std::as_writable_bytes(to));
}

// Ids of all outputs, then the logarithms of the sums, then the logits.
void Scratch::chosen(Device& device, int capacity, std::span<plan::Choice> to) {
  const std::span<int32_t> words = std::span(words_).first(capped_product(capacity, 3));
  device.download(*memory_, choices_.choices - memory_->address(), std::as_writable_bytes(words));
  for (size_t i = 0; i < to.size(); i++) {
    const size_t n = static_cast<size_t>(capacity);
    const float log_sum = std::bit_cast<float>(words[n + i]), logit = std::bit_cast<float>(words[2 * n + i]);
    to[i] = std::isfinite(log_sum) ? plan::Choice{words[i], logit - log_sum} : plan::Choice{};
  }
}

}  // namespace ingot::gpu
