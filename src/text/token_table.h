// From a token's text to its id: an open-addressing table over strings owned by the caller. Immutable once built.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ingot::text {

class TokenTable {
 public:
  /// `tokens` must outlive the table and stay in place. Throws if two of them are equal; empty ones are left out.
  explicit TokenTable(const std::vector<std::string>& tokens);
  /// Id of the token that reads `text`, or -1.
  int32_t find(std::string_view text) const;
  /// Slots visited when each token is looked up once: the number of tokens plus collisions.
  size_t probes() const;

 private:
  struct Slot {
    int32_t id = -1;  // -1: free
    uint32_t hash = 0;
  };
  const std::vector<std::string>* tokens_;
  std::vector<Slot> slots_;  // a power of two, at most half full
  size_t mask_;
};

/// From a pair of symbols to the result of merging them.
class MergeTable {
 public:
  struct Merge {
    uint32_t rank;   // place in the list of merges, 0 = best
    int32_t result;  // token id of the joined text
  };
  explicit MergeTable(size_t expected);
  /// The first merge of a pair counts, later ones are ignored.
  void add(int32_t left, int32_t right, Merge merge);
  const Merge* find(int32_t left, int32_t right) const;
  /// As TokenTable's, of merges.
  size_t probes() const;

 private:
  struct Slot {
    uint64_t pair = free_pair;
    Merge merge{};
  };
  static constexpr uint64_t free_pair = UINT64_MAX;  // ids are never -1 inside the table
  size_t slot_of(uint64_t pair) const;
  std::vector<Slot> slots_;
  size_t mask_;
};

}  // namespace ingot::text
