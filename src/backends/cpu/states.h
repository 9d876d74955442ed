// Keys and values of all sequences: how they are laid out in a page, and where the pages are.
#pragma once
#include <atomic>
#include <memory>
#include <vector>

#include "backends/cpu/kernels.h"
#include "backends/cpu/region.h"
#include "plan/backend.h"

namespace ingot::cpu {

/// How keys and values of a plan are kept: f16, or blocks of the plan's format, as AttendParams and CodedStates
/// describe. What a page has of one kv_head is a chunk of keys and a chunk of values. A store keeps the same chunk of
/// all pages together: keys of a sequence with consecutive pages are one stream, which memory reads faster than pieces
/// of 8 KB (heads of 64, one core of an AMD EPYC of the fifth generation, 4,000 positions: 10 to 12 GB/s against 8 to
/// 9; 2026-11-30).
class StatesLayout {
 public:
  /// One state's part of a page.
  struct Part {
    int layer;
    int kv_heads, key_size, value_size;
    uint64_t keys_at, values_at;      ///< bytes of a page before the first kv_head's chunk of keys, or of values
    uint64_t key_bytes, value_bytes;  ///< of a chunk
    CodedStates coded;
  };
  /// Errors: a format that cannot hold keys and values.
  StatesLayout(const plan::Plan& plan, const Isa& isa);
  const std::vector<Part>& parts() const { return parts_; }
  const Part& operator[](plan::Id<plan::State> id) const { return parts_[static_cast<size_t>(id.index)]; }
  uint64_t page_bytes() const { return page_bytes_; }
  bool coded() const { return format_ != nullptr; }
  /// Writes key and value of one position of a page into its chunks. `scratch`: store_bytes.
  void store(const OpKernels& ops, const Part& part, const float* key, const float* value, int position, u8* keys,
             u8* values, u8* scratch) const;
  uint64_t store_bytes() const { return store_bytes_; }
  /// Zeroes all positions of a page's chunks from `positions` on.
  void clear_from(const Part& part, int positions, u8* keys, u8* values) const;
  /// The format besides f16 that stores the largest keys and values of this plan; null: there is none.
  const quant::Format* widest() const { return widest_; }
  /// Formats of keys and values, and for blocks the instruction set: rows of a resident layout differ between those.
  const std::string& name() const { return name_; }

 private:
  const quant::Format* format_ = nullptr;  // null: f16
  const FormatKernels* kernels_ = nullptr;
  const quant::Format* widest_ = nullptr;
  std::vector<Part> parts_;
  uint64_t page_bytes_ = 0, store_bytes_ = 0;
  std::string name_;
};

/// How many pages a store should have.
struct PageRange {
  int min = 0, max = 0;
};

/// Pages in memory that is committed when they are first written. The layout must outlive them.
class CpuStates : public plan::StateStore {
 public:
  /// Reserves address space for as many pages of `range` as the system grants. Errors: not even range.min.
  CpuStates(const StatesLayout& layout, PageRange range);
  std::string layout() const override { return layout_.name(); }
  int pages() const override { return pages_; }
  uint64_t page_bytes() const override { return layout_.page_bytes(); }
  uint64_t used_bytes() const override;
  void copy(int32_t from, int32_t to) override;
  uint64_t saved_bytes(int positions) const override;
  void save(std::span<const int32_t> pages, int positions,
            const std::function<void(std::span<const std::byte>)>& to) const override;
  void restore(std::span<const int32_t> pages, int positions, std::span<const std::byte> from) override;
  std::optional<plan::Overflow> overflow(std::span<const int32_t> pages, int positions) const override;

  /// A kv_head's chunk of page 0, and of any page.
  u8* keys(const StatesLayout::Part& part, int kv_head) const {
    return region_->data() +
           static_cast<uint32_t>(pages_) * (part.keys_at + static_cast<uint32_t>(kv_head) * part.key_bytes);
  }
  u8* values(const StatesLayout::Part& part, int kv_head) const {
    return region_->data() +
           static_cast<uint32_t>(pages_) * (part.values_at + static_cast<uint32_t>(kv_head) * part.value_bytes);
  }
  u8* keys(const StatesLayout::Part& part, int kv_head, int32_t page) const {
    return keys(part, kv_head) + static_cast<uint32_t>(page) * part.key_bytes;
  }
  u8* values(const StatesLayout::Part& part, int kv_head, int32_t page) const {
    return values(part, kv_head) + static_cast<uint32_t>(page) * part.value_bytes;
  }
  /// Counts a page that will be written.
  void touch(int32_t page);

 private:
  /// Calls `use(part, keys, values)` with the chunks of a page, in the order in which they are saved.
  template <class Use> void each_chunk(int32_t page, Use use) const {
    for (const StatesLayout::Part& part : layout_.parts())
      for (int head = 0; head < part.kv_heads; head++) use(part, keys(part, head, page), values(part, head, page));
  }
  /// Refuses pages that do not exist, or fewer than `positions` need.
  void check(std::span<const int32_t> pages, int positions) const;

  const StatesLayout& layout_;
  std::unique_ptr<Region> region_;
  int pages_;
  std::unique_ptr<std::atomic<bool>[]> touched_;  // by page
  std::atomic<int64_t> used_{0};                  // pages
};

}  // namespace ingot::cpu
