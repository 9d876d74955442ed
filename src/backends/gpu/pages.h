// Keys and values on a GPU, in pages of 64 positions. Pages are parts of slabs, which are allocated when their pages
// are first used. A page has for every state the keys, then the values, of one kv_head after another: as f16,
// (64, size), or as codes of a format, in tiles of its resident layout with positions as rows, (64 / 32, size / block).
#pragma once
#include <atomic>
#include <memory>

#include "backends/gpu/shared_device.h"
#include "plan/backend.h"

namespace ingot::gpu {

/// The format whose codes keys and values are kept as; null: they are kept as 16-bit floats.
const quant::Format* coded_states(const plan::Plan& plan);
/// Whether all states of a plan can be kept as codes of this format.
bool keeps(const quant::Format& format, const plan::Plan& plan);

/// Bytes of a page.
uint64_t page_bytes(const plan::Plan& plan);
/// Where the keys and the values of a state begin in a page, in units of 2 bytes.
struct OffsetsInPage {
  int64_t keys = 0, values = 0;
};
OffsetsInPage offsets_in_page(const plan::Plan& plan, plan::Id<plan::State> state);

class PageStore : public plan::StateStore {
 public:
  /// Pages 0 … pages − 1. No memory is allocated yet.
  PageStore(SharedDevice& device, const plan::Plan& plan, int pages);
  /// The address of a page, for the holder of the device; allocates memory if there is none yet. Errors: no such page,
  /// no memory.
  Address address(Device& device, int32_t page);

  std::string layout() const override { return layout_; }
  int pages() const override { return pages_; }
  uint64_t page_bytes() const override { return page_bytes_; }
  uint64_t used_bytes() const override { return used_bytes_; }
  void copy(int32_t from, int32_t to) override;
  uint64_t saved_bytes(int positions) const override;
  void save(std::span<const int32_t> pages, int positions,
            const std::function<void(std::span<const std::byte>)>& to) const override;
  void restore(std::span<const int32_t> pages, int positions, std::span<const std::byte> from) override;
  std::optional<plan::Overflow> overflow(std::span<const int32_t> pages, int positions) const override;

 private:
  // What positions first … first + positions − 1 of a page have side by side, as many bytes each: keys or values of one
  // kv_head, or, where those are codes, the scales of a tile or a word of each row's codes.
  struct Run {
    uint64_t at, position_bytes;
    int first, positions;
    int layer;
    bool scales;
    /// Bytes of the page's first `count` positions.
    uint64_t bytes(uint64_t count) const;
  };
  struct Location {
    Memory& memory;
    uint64_t at;
  };
  Location locate(Device& device, int32_t page);
  std::vector<std::byte> read(int32_t page) const;
  void check(std::span<const int32_t> pages, int positions) const;
  void add_runs(uint64_t at, int size, int layer);

  SharedDevice& device_;
  int pages_, slab_pages_;
  uint64_t page_bytes_;
  const quant::Format* format_;  // of codes; null: f16
  std::string layout_;
  std::vector<Run> runs_;                       // of a page, in its order
  std::vector<std::unique_ptr<Memory>> slabs_;  // used by the device's holder only
  std::atomic<uint64_t> used_bytes_ = 0;
};

}  // namespace ingot::gpu
