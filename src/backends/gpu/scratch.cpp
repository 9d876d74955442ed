#include "backends/gpu/scratch.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "backends/gpu/parameters.h"

namespace ingot::gpu {

using plan::Buffer;

namespace {

// Hands out places of one block of memory, or only counts.
class Places {
 public:
  explicit Places(Address base = 0) : base_(base) {}
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

// Whose vectors are read as codes: inputs of projections.
bool has_codes(Buffer b) { return b == Buffer::residual || b == Buffer::attended || b == Buffer::ffn; }

}  // namespace

int attend_splits(const plan::Plan& plan) {
  constexpr int positions_a_split = 64, most_splits = 64;
  return std::clamp(plan.context / positions_a_split, 1, most_splits);
}

// Places of everything, in the order of the class. `to` is filled where it is given.
uint64_t Scratch::place(const plan::Plan& plan, Address base, Scratch* to) {
  Places places(base);
  for (size_t i = 0; i < plan::n_buffers; i++) {
    Buffer b = static_cast<Buffer>(i);
    uint64_t values = capped_product(b == Buffer::logits ? plan::max_head_batch : plan.max_batch, width(plan, b));
    Address floats = places.take(capped_product(values, 4));
    CodesAt codes;
    if (has_codes(b)) {
      codes.codes = places.take(values);
      codes.scales = places.take(values / 32 * 4);
      codes.sums = places.take(values / 16 * 4);
    }
    if (to) to->floats_[i] = floats, to->codes_[i] = codes;
  }
  Address partial = places.take(capped_product(attend_splits(plan), plan.heads, capped_sum(plan.head_size, 2), 4));
  Address turn = places.take(capped_sum(sizeof(Turn), capped_product(plan.max_batch, 4)));
  ChoiceAt choice{places.take(capped_product(plan.vocab / sample_part + 1, 16)), places.take(12)};
  if (to) to->partial_ = partial, to->turn_ = turn, to->choice_ = choice;
  for (const plan::Rope& rope : plan.ropes) {
    uint64_t angles = capped_product(plan.context, rope.dims / 2, sizeof(float));
    Address cosines = places.take(angles), sines = places.take(angles);
    if (to) to->cosines_.push_back(cosines), to->sines_.push_back(sines);
  }
  return places.used();
}

uint64_t Scratch::bytes(const plan::Plan& plan) { return place(plan, 0, nullptr); }

Scratch::Scratch(Device& device, const plan::Plan& plan) : memory_(device.allocate(bytes(plan), "scratch")) {
  place(plan, memory_->address(), this);
  for (size_t r = 0; r < plan.ropes.size(); r++) {
    const plan::Rope& rope = plan.ropes[r];
    int half = rope.dims / 2;
    std::vector<float> cosines(capped_product(plan.context, half)), sines(cosines.size());
    for (int64_t position = 0; position < plan.context; position++)
      for (int i = 0; i < half; i++) {
        double angle = double(position) * rope.frequencies[i];
        cosines[position * half + i] = static_cast<float>(std::cos(angle) * rope.magnitude);
        sines[position * half + i] = static_cast<float>(std::sin(angle) * rope.magnitude);
      }
    device.upload(*memory_, cosines_[r] - memory_->address(), std::as_bytes(std::span(cosines)));
    device.upload(*memory_, sines_[r] - memory_->address(), std::as_bytes(std::span(sines)));
  }
}

void Scratch::set_turn(Device& device, std::span<const int32_t> tokens, int position) {
  std::vector<int32_t> words = {position, static_cast<int32_t>(tokens.size())};
  words.insert(words.end(), tokens.begin(), tokens.end());
  if (words == turn_words_) return;
  turn_words_.clear();
  device.upload(*memory_, turn_ - memory_->address(), std::as_bytes(std::span(words)));
  turn_words_ = std::move(words);
}

void Scratch::logits(Device& device, std::span<float> to) const { device.download(*memory_, at(Buffer::logits) - memory_->address(), std::as_writable_bytes(to)); }

std::optional<int32_t> Scratch::chosen(Device& device) {
  std::vector<int32_t> ran = std::exchange(turn_words_, {});
  struct {
    int32_t id;
    float log_sum;
  } got;
  device.download(*memory_, choice_.choice - memory_->address(), std::as_writable_bytes(std::span(&got, 1)));
  if (!std::isfinite(got.log_sum)) return std::nullopt;
  turn_words_ = {ran.at(0) + ran.at(1), 1, got.id};
  return got.id;
}

}  // namespace ingot::gpu
