// A model without weights: what follows a text is a hash of all its tokens, kept position by position in pages as keys
// and values are. So a wrong page table, a page that two sequences write, a prefix of another text or a position left
// out all give other logits.
#pragma once
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/load.h"
#include "engine/memory.h"
#include "engine/tiny_model.h"
#include "plan/backend.h"

namespace ingot::tests {

inline uint64_t mixed(uint64_t x) {  // the finalizer of MurmurHash3
  x = (x ^ x >> 33) * 0xff51afd7ed558ccd;
  x = (x ^ x >> 33) * 0xc4ceb9fe1a85ec53;
  return x ^ x >> 33;
}

class FakeStates : public plan::StateStore {
 public:
  explicit FakeStates(int pages) : cells_(static_cast<size_t>(pages)) {}
  std::string layout() const override { return "hashes"; }
  int pages() const override { return static_cast<int>(cells_.size()); }
  uint64_t page_bytes() const override { return sizeof(Page); }
  uint64_t used_bytes() const override { return 0; }
  void copy(int32_t from, int32_t to) override {
    std::lock_guard lock(mutex);
    cells_.at(to) = cells_.at(from);
  }
  uint64_t saved_bytes(int positions) const override { return positions * sizeof(uint64_t); }
  void save(std::span<const int32_t> pages, int positions,
            const std::function<void(std::span<const std::byte>)>& to) const override {
    for (int p = 0; p < positions; p++) to(std::as_bytes(std::span(&cell(pages, p), 1)));
  }
  void restore(std::span<const int32_t> pages, int positions, std::span<const std::byte> from) override {
    std::lock_guard lock(mutex);
    for (int p = 0; p < positions; p++)
      std::memcpy(&cell(pages, p), from.data() + p * sizeof(uint64_t), sizeof(uint64_t));
  }
  std::optional<plan::Overflow> overflow(std::span<const int32_t>, int) const override { return std::nullopt; }

  const uint64_t& cell(std::span<const int32_t> pages, int position) const {
    return cells_.at(pages[position / plan::page_positions])[position % plan::page_positions];
  }
  uint64_t& cell(std::span<const int32_t> pages, int position) {
    return cells_.at(pages[position / plan::page_positions])[position % plan::page_positions];
  }
  mutable std::mutex mutex;

 private:
  using Page = std::array<uint64_t, plan::page_positions>;
  std::vector<Page> cells_;
};

/// A part of a batch that was run.
struct RanPart {
  int32_t first_token = 0;
  int position = 0, count = 0, outputs = 0;
};

class FakeProgram : public plan::Program {
 public:
  FakeProgram(const plan::Limits& limits, int vocab, int pages) : limits_(limits), vocab_(vocab), states_(pages) {}

  FakeStates& states() override { return states_; }

  bool run(const plan::Batch& batch, std::span<float> logits, const plan::Watch& watch) override {
    std::lock_guard lock(states_.mutex);
    check(batch);
    demand(logits.size() == static_cast<size_t>(batch.outputs()) * vocab_);
    if (watch.stop && watch.stop()) return false;
    write(batch);
    float* to = logits.data();
    each_output(batch, [&](std::span<const int32_t> pages, int positions) {
      write_logits(pages, positions, {to, static_cast<size_t>(vocab_)});
      to += vocab_;
    });
    return true;
  }

  bool choose(const plan::Batch& batch, std::span<plan::Choice> choices) override {
    std::lock_guard lock(states_.mutex);
    if (!chooses) return false;
    check(batch);
    demand(choices.size() == static_cast<size_t>(batch.outputs()));
    write(batch);
    chosen += static_cast<int>(choices.size());
    std::vector<float> logits(vocab_);
    auto to = choices.begin();
    each_output(batch, [&](std::span<const int32_t> pages, int positions) {
      write_logits(pages, positions, logits);
      const auto best = std::ranges::max_element(logits);
      *to++ = {.id = std::isfinite(*best) ? static_cast<int32_t>(best - logits.begin()) : -1, .logprob = -12345};
    });
    return true;
  }

  bool chooses = false;  ///< whether it does what `choose` asks for
  int32_t poison = -1;   ///< a token after which no logit is finite
  bool breaks = false;   ///< the next runs throw
  double seconds = 0;    ///< a clock that runs by the rows that were run
  double base_seconds = 0.01, row_seconds = 0.001;
  int chosen = 0;
  std::vector<std::vector<RanPart>> steps;  ///< all that were run
  const engine::Memory* memory = nullptr;   ///< where set, pages that are written must have one user

 private:
  static void demand(bool holds) {
    EXPECT_TRUE(holds);
    if (!holds) throw Error("test", "a batch contradicts itself");
  }

  void check(const plan::Batch& batch) {
    if (breaks) throw Error("test", "the device is gone");
    int rows = 0;
    std::map<int32_t, int> users;
    for (const plan::Sequence& s : batch.sequences) {
      demand(s.count >= 1 && s.outputs >= 0 && s.outputs <= s.count && s.position >= 0);
      demand(s.position + s.count <= limits_.context);
      demand(s.pages.size() >= static_cast<size_t>(plan::pages_for(s.position + s.count)));
      for (int32_t page : s.pages) users[page]++;
      rows += s.count;
    }
    demand(rows == static_cast<int>(batch.tokens.size()) && rows >= 1 && rows <= limits_.max_rows);
    demand(batch.outputs() <= limits_.max_outputs);
    for (const plan::Sequence& s : batch.sequences)
      for (int i = s.position / plan::page_positions; i < plan::pages_for(s.position + s.count); i++) {
        EXPECT_EQ(users[s.pages[i]], 1) << "a page that is written belongs to two sequences of a batch";
        EXPECT_TRUE(!memory || memory->pool().users(s.pages[i]) == 1) << "a shared page is written";
      }
  }

  void write(const plan::Batch& batch) {
    steps.emplace_back();
    size_t at = 0;
    for (const plan::Sequence& s : batch.sequences) {
      steps.back().push_back({batch.tokens[at], s.position, s.count, s.outputs});
      for (int p = s.position; p < s.position + s.count; p++) {
        const int32_t token = batch.tokens[at++];
        const uint64_t before = p ? states_.cell(s.pages, p - 1) : 0;
        // The lowest bit: whether the poison was among the tokens.
        const uint64_t poisoned = (token == poison) | (before & 1);
        states_.cell(s.pages, p) =
            (mixed(before + mixed(static_cast<uint64_t>(token) * 2 + 1)) & ~uint64_t{1}) | poisoned;
      }
    }
    seconds += base_seconds + row_seconds * static_cast<double>(batch.tokens.size());
  }

  template <class Visit> static void each_output(const plan::Batch& batch, Visit visit) {
    for (const plan::Sequence& s : batch.sequences)
      for (int p = s.position + s.count - s.outputs; p < s.position + s.count; p++) visit(s.pages, p + 1);
  }

  void write_logits(std::span<const int32_t> pages, int positions, std::span<float> to) const {
    uint64_t all = 0;
    for (int p = 0; p < positions; p++) all = mixed(all + states_.cell(pages, p) + static_cast<uint64_t>(p));
    for (size_t i = 0; i < to.size(); i++)
      to[i] = static_cast<float>(mixed(all + i) >> 40) * 0x1p-24f * 8 - 4;  // −4 … 4
    if (states_.cell(pages, positions - 1) & 1) std::ranges::fill(to, NAN);
  }

  plan::Limits limits_;
  int vocab_;
  FakeStates states_;
};

/// A model that runs on a FakeProgram, with the vocabulary of TinyModel: bytes, "<s>" = 1, and "</s>" = 2, which ends a
/// text.
struct FakeModel {
  explicit FakeModel(const plan::Limits& limits, int pages) {
    TinyModel file;
    state = std::make_shared<Model::State>(container::Gguf::open(file.write(), foundry::geometry_of));
    state->tokenizer_state = std::make_shared<const Tokenizer::State>(state->file, "");
    state->tokenizer = Tokenizer(state->tokenizer_state);
    state->info.vocab = state->tokenizer.vocab();
    state->info.context = limits.context;
    state->plan.values.push_back({.name = "logits", .cols = state->info.vocab, .rows = plan::Value::Rows::outputs});
    state->plan.logits = {0};
    state->plan.limits = limits;
    auto made = std::make_unique<FakeProgram>(limits, state->info.vocab, pages);
    program = made.get();
    state->program = std::move(made);
    state->memory.emplace(program->states(), pages);
  }
  Model model() const { return Model(state); }
  std::shared_ptr<Model::State> state;
  FakeProgram* program;
};

}  // namespace ingot::tests
