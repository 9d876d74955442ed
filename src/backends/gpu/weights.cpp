#include "backends/gpu/weights.h"

#include <algorithm>
#include <atomic>
#include <set>
#include <thread>

#include "backends/gpu/tiles.h"

namespace ingot::gpu {

using plan::Id;
using plan::Plan;
using plan::Slice;

namespace {

constexpr uint64_t alignment = 256, staging_bytes = 64 << 20;
constexpr int64_t tile_rows = 32;

uint64_t aligned(uint64_t bytes) { return capped_sum(bytes, alignment - 1) / alignment * alignment; }

// What the steps read, each once, in the order in which it is first read.
struct Read {
  std::vector<StoredSlice> slices;
  std::vector<Id<plan::Vector>> vectors;

  explicit Read(const Plan& plan) : plan_(plan) {
    for (const plan::Step& step : plan.steps)
      std::visit([this]<class Op>(
                     const Op& op) { plan::each_leaf(op, [this](const char*, const auto& leaf) { add<Op>(leaf); }); },
                 step.op);
  }

 private:
  // Of an embedding rows are looked up, in the file's layout; other matrices are multiplied by.
  template <class Op> void add(const Slice& slice) {
    const StoredSlice stored{slice, !std::is_same_v<Op, plan::Embed> && has_tiles(*plan_[slice].format)};
    if (seen_.insert(stored).second) slices.push_back(stored);
  }
  template <class Op> void add(Id<plan::Vector> id) {
    if (id && seen_vectors_.insert(id.index).second) vectors.push_back(id);
  }
  template <class Op> void add(const auto&) {}

  const Plan& plan_;
  std::set<StoredSlice> seen_;
  std::set<int32_t> seen_vectors_;
};

// First block of a slice's row, and blocks of the slice from there on.
struct FileRows {
  const std::byte* at;
  uint64_t stride, bytes;  // from a row to the next; of the slice in each
  bool whole() const { return stride == bytes; }
};
FileRows rows_in_file(const Plan& plan, const Slice& slice) {
  const plan::Weight& w = plan[slice];
  const uint64_t stride = w.row_bytes();
  return {.at = w.data + capped_sum(capped_product(slice.first_row, stride),
                                    w.format->row_bytes(narrow<uint64_t>(slice.first_col))),
          .stride = stride,
          .bytes = w.format->row_bytes(narrow<uint64_t>(slice.cols))};
}

// Packs groups begin … end−1 of 32 rows into `to`, on all cores.
void pack_groups(const Plan& plan, const Slice& slice, int64_t begin, int64_t end, std::byte* to) {
  const quant::Format& format = *plan[slice].format;
  const FormatTiles& tiles = tiles_of(format);
  const FileRows file = rows_in_file(plan, slice);
  const int64_t stride = narrow<int64_t>(file.stride), group_bytes = slice.cols / format.block * tiles.tile_bytes;
  std::atomic<int64_t> next = begin;
  auto work = [&] {
    for (int64_t g = next++; g < end; g = next++) {
      const int rows = static_cast<int>(std::min(tile_rows, slice.rows - g * tile_rows));
      tiles.pack(reinterpret_cast<const unsigned char*>(file.at) + g * tile_rows * stride, stride, rows, slice.cols,
                 reinterpret_cast<unsigned char*>(to) + (g - begin) * group_bytes);
    }
  };
  std::vector<std::thread> others;
  for (unsigned i = 1; i < std::thread::hardware_concurrency(); i++) others.emplace_back(work);
  work();
  for (std::thread& other : others) other.join();
}

// Uploads a slice piece by piece, a bounded part at a time.
class Uploader {
 public:
  Uploader(Device& device, const Plan& plan, Memory& to) : device_(device), plan_(plan), to_(to) {}

  void tiles(const Slice& slice, uint64_t at) {
    const quant::Format& format = *plan_[slice].format;
    const int64_t groups = (slice.rows + tile_rows - 1) / tile_rows,
                  group_bytes = slice.cols / format.block * tiles_of(format).tile_bytes;
    const int64_t at_once = std::max<int64_t>(1, static_cast<int64_t>(staging_bytes) / group_bytes);
    for (int64_t g = 0; g < groups; g += at_once) {
      const int64_t end = std::min(groups, g + at_once);
      staging_.resize(static_cast<size_t>((end - g) * group_bytes));
      pack_groups(plan_, slice, g, end, staging_.data());
      device_.upload(to_, at + static_cast<uint64_t>(g * group_bytes), staging_);
    }
  }
  void blocks(const Slice& slice, uint64_t at) {
    const FileRows file = rows_in_file(plan_, slice);
    if (file.whole()) return device_.upload(to_, at, {file.at, capped_product(slice.rows, file.bytes)});
    const int64_t at_once = std::max<int64_t>(1, static_cast<int64_t>(staging_bytes / file.bytes));
    for (int64_t row = 0; row < slice.rows; row += at_once) {
      const int64_t end = std::min(slice.rows, row + at_once);
      staging_.clear();
      for (int64_t r = row; r < end; r++) {
        const std::byte* from = file.at + capped_product(r, file.stride);
        staging_.insert(staging_.end(), from, from + file.bytes);
      }
      device_.upload(to_, at + capped_product(row, file.bytes), staging_);
    }
  }

 private:
  Device& device_;
  const Plan& plan_;
  Memory& to_;
  std::vector<std::byte> staging_;
};

}  // namespace

int tile_bytes(const quant::Format& format) { return tiles_of(format).tile_bytes; }
bool has_tiles(const quant::Format& format) { return tile_bytes(format) > 0; }

uint64_t device_bytes(const Plan& plan, const Slice& slice, bool tiles) {
  if (!tiles) return aligned(file_bytes(plan, slice));
  const quant::Format& format = *plan[slice].format;
  return aligned(
      capped_product((slice.rows + tile_rows - 1) / tile_rows, slice.cols / format.block, tiles_of(format).tile_bytes));
}

WeightBytes weight_bytes(const Plan& plan) {
  WeightBytes bytes;
  const Read read(plan);
  for (const StoredSlice& stored : read.slices) {
    const uint64_t here = device_bytes(plan, stored.slice, stored.tiles);
    bytes.all = capped_sum(bytes.all, here);
    if (!stored.tiles && stored.slice.cols == plan[stored.slice].cols) bytes.blocks = capped_sum(bytes.blocks, here);
  }
  for (Id<plan::Vector> id : read.vectors)
    bytes.all = capped_sum(bytes.all, aligned(capped_product(plan[id].numbers.size(), sizeof(float))));
  return bytes;
}

Weights::Weights(Device& device, const Plan& plan, const plan::Options& options) : vectors_(plan.vectors.size()) {
  const Read read(plan);
  uint64_t total = weight_bytes(plan).all, at = 0;
  for (const StoredSlice& stored : read.slices) {
    const FileRows file = rows_in_file(plan, stored.slice);
    if (stored.tiles || !file.whole()) continue;
    std::unique_ptr<Memory> shared = device.share({file.at, capped_product(stored.slice.rows, file.bytes)});
    if (!shared) continue;
    slices_[stored] = shared->address();
    shared_.emplace(stored, std::move(shared));
    total -= device_bytes(plan, stored.slice, false);
  }
  memory_ = device.allocate(std::max(total, alignment), "the weights");
  Uploader uploader(device, plan, *memory_);
  for (const StoredSlice& stored : read.slices) {
    if (shared_.contains(stored)) continue;
    slices_[stored] = memory_->address() + at;
    stored.tiles ? uploader.tiles(stored.slice, at) : uploader.blocks(stored.slice, at);
    const bool stays =
        std::ranges::any_of(shared_, [&](const auto& s) { return s.first.slice.weight == stored.slice.weight; });
    if (options.release && !stays) options.release(plan[stored.slice]);
    at += device_bytes(plan, stored.slice, stored.tiles);
    if (options.progress) options.progress(double(at) / double(total));
  }
  for (Id<plan::Vector> id : read.vectors) {
    const std::vector<float>& numbers = plan[id].numbers;
    vectors_[static_cast<size_t>(id.index)] = memory_->address() + at;
    device.upload(*memory_, at, std::as_bytes(std::span(numbers)));
    at += aligned(capped_product(numbers.size(), sizeof(float)));
  }
}

}  // namespace ingot::gpu
