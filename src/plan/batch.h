// The rows of one run of a program: tokens of any number of sequences, prompts and single tokens mixed, and the pages
// in which each sequence's keys and values lie.
#pragma once
#include <cstdint>
#include <span>

namespace ingot::plan {

struct Plan;

/// Positions of a page: of every state of a plan, keys and values of 64 consecutive positions from a multiple of 64 on.
constexpr int page_positions = 64;
constexpr int pages_for(int64_t positions) {
  return static_cast<int>((positions + page_positions - 1) / page_positions);
}

/// The part of a batch that belongs to one sequence.
struct Sequence {
  /// Page i has positions 64·i …; at least pages_for(position + count). Those that are written (from `position` on)
  /// belong to this sequence alone; those before may be shared.
  std::span<const int32_t> pages;
  int position = 0;  ///< of its first token in this batch; what came before is in the pages
  int count = 0;     ///< tokens in this batch, at least 1
  int outputs = 0;   ///< logits are wanted after its last `outputs` tokens: 0 … count
};

struct Batch {
  std::span<const int32_t> tokens;      ///< of the sequences, one sequence after another
  std::span<const Sequence> sequences;  ///< at least one
  int outputs() const {
    int n = 0;
    for (const Sequence& s : sequences) n += s.outputs;
    return n;
  }
};

/// Refuses a batch that no program of `plan`, whose store has `pages` pages, can run. Errors: room "plan"; no sequence,
/// or tokens that are not those of the sequences; more rows, outputs or positions than the plan's limits; tokens
/// outside the vocabulary; pages that are missing or not there; a page that is written and belongs to two sequences, or
/// to one sequence twice. Allocates nothing but an error.
void check(const Plan& plan, const Batch& batch, int pages);

}  // namespace ingot::plan
