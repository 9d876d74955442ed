#include "backends/gpu/pages.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "backends/gpu/tiles.h"
#include "ingot/error.h"
#include "plan/finite.h"

namespace ingot::gpu {

namespace {

constexpr uint64_t half_bytes = sizeof(uint16_t), max_slab_bytes = uint64_t{64} << 20;
constexpr int tile_positions = 32;
constexpr float rounds_to_infinity = 65520;  // as a half
constexpr uint64_t word_bytes = 4;           // of a row's codes, side by side

// Keys, or values, of one kv_head in a page.
uint64_t part_bytes(const quant::Format* format, int size) {
  if (!format) return capped_product(plan::page_positions, size, half_bytes);
  return capped_product(plan::page_positions / tile_positions, size / format->block, tiles_of(*format).tile_bytes);
}
uint64_t key_bytes(const plan::Plan& plan, const plan::HeadShape& h) {
  return capped_product(h.kv_heads, part_bytes(coded_states(plan), h.key_size));
}
uint64_t value_bytes(const plan::Plan& plan, const plan::HeadShape& h) {
  return capped_product(h.kv_heads, part_bytes(coded_states(plan), h.value_size));
}

}  // namespace

const quant::Format* coded_states(const plan::Plan& plan) {
  const quant::Format* format = plan.limits.state_format;
  return format && !tiles_of(*format).halves ? format : nullptr;
}

bool keeps(const quant::Format& format, const plan::Plan& plan) {
  auto divides = [&](const plan::State& s) {
    return s.heads.key_size % format.block == 0 && s.heads.value_size % format.block == 0;
  };
  return format.encode && tiles_of(format).scale_bytes && std::ranges::all_of(plan.states, divides);
}

uint64_t page_bytes(const plan::Plan& plan) {
  uint64_t bytes = 0;
  for (const plan::State& state : plan.states)
    bytes = capped_sum(bytes, key_bytes(plan, state.heads), value_bytes(plan, state.heads));
  return bytes;
}

OffsetsInPage offsets_in_page(const plan::Plan& plan, plan::Id<plan::State> id) {
  uint64_t at = 0;
  for (int32_t s = 0; s < id.index; s++) {
    const plan::HeadShape& h = plan.states[static_cast<size_t>(s)].heads;
    at = capped_sum(at, key_bytes(plan, h), value_bytes(plan, h));
  }
  return {narrow<int64_t>(at / half_bytes),
          narrow<int64_t>(capped_sum(at, key_bytes(plan, plan[id].heads)) / half_bytes)};
}

PageStore::PageStore(SharedDevice& device, const plan::Plan& plan, int pages)
    : device_(device),
      pages_(pages),
      page_bytes_(gpu::page_bytes(plan)),
      format_(coded_states(plan)),
      layout_(fmt::format("{} pages of {}", format_ ? format_->name : "f16", plan::page_positions)) {
  // No slab is larger than a sequence of full length needs.
  const uint64_t fit = std::max<uint64_t>(1, max_slab_bytes / std::max<uint64_t>(1, page_bytes_));
  slab_pages_ = static_cast<int>(std::min<uint64_t>(fit, static_cast<uint64_t>(plan::pages_for(plan.limits.context))));
  slabs_.resize(static_cast<size_t>((pages_ + slab_pages_ - 1) / slab_pages_));
  std::vector<int> layers(plan.states.size(), 0);
  for (const plan::Step& step : plan.steps)
    if (const auto* op = std::get_if<plan::RopeStore>(&step.op))
      layers[static_cast<size_t>(op->state.index)] = step.layer;
  uint64_t at = 0;
  for (size_t s = 0; s < plan.states.size(); s++) {
    const plan::HeadShape& h = plan.states[s].heads;
    for (int size : {h.key_size, h.value_size})
      for (int head = 0; head < h.kv_heads; head++, at += part_bytes(format_, size)) add_runs(at, size, layers[s]);
  }
}

// Keys, or values, of one kv_head, from `at` on.
void PageStore::add_runs(uint64_t at, int size, int layer) {
  auto add = [&](uint64_t position_bytes, int first, int positions, bool scales) {
    runs_.push_back({.at = at,
                     .position_bytes = position_bytes,
                     .first = first,
                     .positions = positions,
                     .layer = layer,
                     .scales = scales});
    at += capped_product(position_bytes, positions);
  };
  if (!format_) return add(capped_product(size, half_bytes), 0, plan::page_positions, false);
  const FormatTiles& tiles = tiles_of(*format_);
  for (int first = 0; first < plan::page_positions; first += tile_positions)
    for (int block = 0; block < size / format_->block; block++) {
      const uint64_t end = at + static_cast<uint64_t>(tiles.tile_bytes);
      add(static_cast<uint64_t>(tiles.scale_bytes), first, tile_positions, true);
      while (at < end) add(word_bytes, first, tile_positions, false);
    }
}

uint64_t PageStore::Run::bytes(uint64_t count) const {
  const uint64_t begin = static_cast<uint64_t>(first), end = std::min(count, begin + static_cast<uint64_t>(positions));
  return end > begin ? (end - begin) * position_bytes : 0;
}

PageStore::Location PageStore::locate(Device& device, int32_t page) {
  if (page < 0 || page >= pages_)
    throw Error("gpu", "there is no such page of keys and values", std::to_string(page),
                fmt::format("0 to {}", pages_ - 1));
  std::unique_ptr<Memory>& slab = slabs_[static_cast<size_t>(page / slab_pages_)];
  if (!slab) {
    const int first = page / slab_pages_ * slab_pages_;
    const uint64_t bytes = capped_product(std::min(slab_pages_, pages_ - first), page_bytes_);
    slab = device.allocate(bytes, "keys and values");
    used_bytes_ += bytes;
  }
  return {*slab, capped_product(page % slab_pages_, page_bytes_)};
}

Address PageStore::address(Device& device, int32_t page) {
  const Location found = locate(device, page);
  return found.memory.address() + found.at;
}

void PageStore::copy(int32_t from, int32_t to) {
  SharedDevice::Use use = device_.use();
  const Location source = locate(*use, from), target = locate(*use, to);
  use->copy(target.memory, target.at, source.memory, source.at, page_bytes_);
}

void PageStore::check(std::span<const int32_t> pages, int positions) const {
  if (positions < 0 || std::cmp_less(pages.size(), plan::pages_for(positions)))
    throw Error("gpu", "there are too few pages", fmt::format("{} pages", pages.size()),
                fmt::format("enough for {} positions", positions));
}

// A page that was never written has no memory, and nothing in it to be read.
std::vector<std::byte> PageStore::read(int32_t page) const {
  std::vector<std::byte> bytes(page_bytes_);
  SharedDevice::Use use = device_.use();
  if (page < 0 || page >= pages_ || !slabs_[static_cast<size_t>(page / slab_pages_)])
    throw Error("gpu", "a page of keys and values was never written", std::to_string(page));
  use->download(*slabs_[static_cast<size_t>(page / slab_pages_)], capped_product(page % slab_pages_, page_bytes_),
                bytes);
  return bytes;
}

uint64_t PageStore::saved_bytes(int positions) const {
  uint64_t position_bytes = 0;
  for (const Run& run : runs_)
    if (run.first == 0) position_bytes = capped_sum(position_bytes, run.position_bytes);
  return capped_product(positions, position_bytes);
}

// Page after page, the runs of each: of a page that is not full only what is used.
void PageStore::save(std::span<const int32_t> pages, int positions,
                     const std::function<void(std::span<const std::byte>)>& to) const {
  check(pages, positions);
  std::vector<std::byte> piece;
  for (int first = 0; first < positions; first += plan::page_positions) {
    const uint64_t count = static_cast<uint64_t>(std::min(positions - first, plan::page_positions));
    const std::vector<std::byte> page = read(pages[static_cast<size_t>(first / plan::page_positions)]);
    piece.clear();
    for (const Run& run : runs_) {
      const auto begin = page.begin() + static_cast<ptrdiff_t>(run.at);
      piece.insert(piece.end(), begin, begin + static_cast<ptrdiff_t>(run.bytes(count)));
    }
    to(piece);
  }
}

void PageStore::restore(std::span<const int32_t> pages, int positions, std::span<const std::byte> from) {
  check(pages, positions);
  if (from.size() != saved_bytes(positions))
    throw Error("gpu", "keys and values do not fit", fmt::format("{} bytes", from.size()),
                fmt::format("{} bytes for {} positions", saved_bytes(positions), positions));
  std::vector<std::byte> page(page_bytes_);
  for (int first = 0; first < positions; first += plan::page_positions) {
    const uint64_t count = static_cast<uint64_t>(std::min(positions - first, plan::page_positions));
    for (const Run& run : runs_) {
      std::memcpy(page.data() + run.at, from.data(), run.bytes(count));
      from = from.subspan(run.bytes(count));
    }
    SharedDevice::Use use = device_.use();
    const Location target = locate(*use, pages[static_cast<size_t>(first / plan::page_positions)]);
    use->upload(target.memory, target.at, page);
  }
}

// Codes are multiplied as halves, too: a block's largest number is its scale times the codes on the smaller side of 0.
std::optional<plan::Overflow> PageStore::overflow(std::span<const int32_t> pages, int positions) const {
  check(pages, positions);
  int layers = 0;
  for (const Run& run : runs_) layers = std::max(layers, run.layer + 1);
  std::vector<plan::HalvesSeen> seen(static_cast<size_t>(layers));
  const uint64_t number_bytes = format_ ? static_cast<uint64_t>(tiles_of(*format_).scale_bytes) : half_bytes;
  auto half_of = [&](uint32_t bits) -> uint16_t {
    if (!format_) return static_cast<uint16_t>(bits);
    const int codes = 1 << format_->code_bits, zero = -format_->accessors.value(0);
    const float largest =
        format_->accessors.scale_number.value(bits) * static_cast<float>(std::min(zero, codes - 1 - zero));
    return std::isnan(largest) ? 0x7e00 : largest >= rounds_to_infinity ? 0x7c00 : 0;
  };
  for (int first = 0; first < positions; first += plan::page_positions) {
    const uint64_t count = static_cast<uint64_t>(std::min(positions - first, plan::page_positions));
    const std::vector<std::byte> page = read(pages[static_cast<size_t>(first / plan::page_positions)]);
    for (const Run& run : runs_) {
      if (format_ && !run.scales) continue;
      for (uint64_t at = 0; at < run.bytes(count); at += number_bytes) {
        uint32_t bits = 0;
        std::memcpy(&bits, page.data() + run.at + at, number_bytes);
        seen[static_cast<size_t>(run.layer)].add(half_of(bits));
      }
    }
  }
  for (int layer = 0; layer < layers; layer++) {
    const plan::HalvesSeen& here = seen[static_cast<size_t>(layer)];
    if (here.finite()) continue;
    if (!here.overflow()) return std::nullopt;
    return plan::Overflow{
        layer, format_ ? "magnitudes up to 65504, the range of the 16-bit floats they are multiplied as" : here.range,
        "this device multiplies keys and values as 16-bit floats, also with --kv; the processor takes "
        "larger ones with a --kv of codes (--device cpu)"};
  }
  return std::nullopt;
}

}  // namespace ingot::gpu
