#include "backends/cpu/states.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstring>

#include "backends/cpu/layout.h"
#include "ingot/error.h"
#include "plan/finite.h"

namespace ingot::cpu {

namespace {
#include "dialect/cpp.h"
#include "attend/keys.h"

static_assert(int(attend_page) == plan::page_positions);

constexpr uint64_t alignment = 64;  // of keys and of values of a kv_head: a cache line

// Blocks of codes with one scale, which `encode` can make, and a resident layout for keys.
bool keeps(const quant::Format& format, const FormatKernels& kernels, const plan::Plan& plan) {
  auto divides = [&](const plan::State& s) {
    return s.heads.key_size % format.block == 0 && s.heads.value_size % format.block == 0;
  };
  return format.encode && kernels.lane_rows && std::ranges::all_of(plan.states, divides);
}

uint64_t aligned(uint64_t bytes) { return capped_product(capped_sum(bytes, alignment - 1) / alignment, alignment); }

int layer_of(const plan::Plan& plan, int32_t state) {
  for (const plan::Step& step : plan.steps)
    if (auto* op = std::get_if<plan::RopeStore>(&step.op); op && op->state.index == state) return step.layer;
  return state;
}

}  // namespace

StatesLayout::StatesLayout(const plan::Plan& plan, const Isa& isa) {
  for (const quant::Format& format : quant::formats())
    if (keeps(format, kernels_of(format, isa), plan) && (!widest_ || format.code_bits > widest_->code_bits))
      widest_ = &format;
  std::string kept = "f16";
  if (const quant::Format* format = plan.limits.state_format; format && !kernels_of(*format, isa).halves) {
    kernels_ = &kernels_of(*format, isa);
    if (!keeps(*format, *kernels_, plan))
      throw Error("cpu", "keys and values cannot be kept in this format", format->name,
                  "16-bit floats, or codes with one scale per block, in blocks that divide the head size");
    format_ = format;
    kept = fmt::format("{} {}", format->name, isa.name);
  }
  name_ = fmt::format("{}, pages of {} positions", kept, plan::page_positions);
  for (size_t i = 0; i < plan.states.size(); i++) {
    const plan::HeadShape& h = plan.states[i].heads;
    uint64_t keys, values;
    CodedStates coded = {};
    if (format_) {
      const uint64_t row_bytes = format_->row_bytes(narrow<uint64_t>(h.value_size));
      keys = capped_product(attend_page / kernels_->lane_rows, h.key_size / format_->block, kernels_->tile_bytes);
      values = capped_product(int(attend_page), row_bytes);
      coded = {kernels_->resident, kernels_->decode_row, narrow<int64_t>(row_bytes)};
      store_bytes_ = std::max(store_bytes_, format_->row_bytes(narrow<uint64_t>(h.key_size)));
    } else {
      const int row_end = (h.value_size + 15) / 16 * 16;  // of a last row, as it is read
      keys = capped_product(int(attend_page), h.key_size, sizeof(u16));
      values = capped_product(capped_sum(capped_product(attend_page - 1, h.value_size), row_end), sizeof(u16));
      store_bytes_ = std::max(store_bytes_, capped_product(h.key_size, sizeof(u16)));
    }
    Part part{.layer = layer_of(plan, narrow<int32_t>(i)),
              .kv_heads = h.kv_heads,
              .key_size = h.key_size,
              .value_size = h.value_size,
              .keys_at = page_bytes_,
              .values_at = 0,
              .key_bytes = aligned(keys),
              .value_bytes = aligned(values),
              .coded = coded};
    part.values_at = capped_sum(part.keys_at, capped_product(h.kv_heads, part.key_bytes));
    page_bytes_ = capped_sum(part.values_at, capped_product(h.kv_heads, part.value_bytes));
    parts_.push_back(part);
  }
}

void StatesLayout::store(const OpKernels& ops, const Part& part, const float* key, const float* value, int position,
                         u8* keys, u8* values, u8* scratch) const {
  if (format_) {
    const int rows = kernels_->lane_rows;
    u8* group = keys + int64_t{position / rows} * kernels_->tile_bytes * (part.key_size / format_->block);
    format_->encode(key, reinterpret_cast<std::byte*>(scratch), part.key_size);
    kernels_->pack_one(scratch, part.key_size, position % rows, group);
    format_->encode(value, reinterpret_cast<std::byte*>(values + position * part.coded.value_bytes), part.value_size);
  } else {
    u16* halves = reinterpret_cast<u16*>(scratch);
    ops.store_halves(key, part.key_size, halves);
    for (int i = 0; i < part.key_size; i++)
      reinterpret_cast<u16*>(keys)[key_at(position, i, part.key_size)] = halves[i];
    ops.store_halves(value, part.value_size, reinterpret_cast<u16*>(values) + int64_t{position} * part.value_size);
  }
}

void StatesLayout::clear_from(const Part& part, int positions, u8* keys, u8* values) const {
  const std::vector<u8> zeros(store_bytes_);
  for (int position = positions; position < attend_page; position++) {
    if (format_) {
      const int rows = kernels_->lane_rows;
      u8* group = keys + int64_t{position / rows} * kernels_->tile_bytes * (part.key_size / format_->block);
      kernels_->pack_one(zeros.data(), part.key_size, position % rows, group);
      std::memset(values + position * part.coded.value_bytes, 0, narrow<size_t>(part.coded.value_bytes));
    } else {
      for (int i = 0; i < part.key_size; i++) reinterpret_cast<u16*>(keys)[key_at(position, i, part.key_size)] = 0;
      std::fill_n(reinterpret_cast<u16*>(values) + int64_t{position} * part.value_size, part.value_size, u16{0});
    }
  }
}

namespace {

constexpr const char* purpose = "keys and values";
constexpr const char* advice = "ask for a shorter context (-c), or free memory";

// Address space may be limited where memory is not: then there are fewer pages, down to the minimum.
int reserve(const StatesLayout& layout, PageRange range, std::unique_ptr<Region>& region) {
  for (int pages = range.max; pages > range.min; pages = std::max(range.min, pages / 2)) try {
      region = std::make_unique<Region>(capped_product(pages, layout.page_bytes()), purpose, advice, Pages::small);
      return pages;
    } catch (const Error&) {}
  region = std::make_unique<Region>(capped_product(range.min, layout.page_bytes()), purpose, advice, Pages::small);
  return range.min;
}

}  // namespace

CpuStates::CpuStates(const StatesLayout& layout, PageRange range)
    : layout_(layout), pages_(reserve(layout, range, region_)), touched_(new std::atomic<bool>[pages_]()) {}

uint64_t CpuStates::used_bytes() const {
  return capped_product(used_.load(std::memory_order_relaxed), layout_.page_bytes());
}

void CpuStates::touch(int32_t page) {
  if (!touched_[page].exchange(true, std::memory_order_relaxed)) used_.fetch_add(1, std::memory_order_relaxed);
}

void CpuStates::check(std::span<const int32_t> pages, int positions) const {
  if (positions < 0) throw Error("cpu", "number of positions is negative", std::to_string(positions), "0 or more");
  const size_t needed = static_cast<size_t>(plan::pages_for(positions));
  if (pages.size() < needed)
    throw Error("cpu", fmt::format("too few pages for {} positions", positions), std::to_string(pages.size()),
                std::to_string(needed));
  for (int32_t page : pages.first(needed))
    if (page < 0 || page >= pages_)
      throw Error("cpu", "no such page", std::to_string(page), fmt::format("0 to {}", pages_ - 1));
}

void CpuStates::copy(int32_t from, int32_t to) {
  const int32_t both[] = {from, to};
  check(both, 2 * plan::page_positions);
  if (from == to) return;
  touch(to);
  for (const StatesLayout::Part& part : layout_.parts())
    for (int head = 0; head < part.kv_heads; head++) {
      std::memcpy(keys(part, head, to), keys(part, head, from), part.key_bytes);
      std::memcpy(values(part, head, to), values(part, head, from), part.value_bytes);
    }
}

uint64_t CpuStates::saved_bytes(int positions) const {
  return capped_product(plan::pages_for(positions), layout_.page_bytes());
}

// Whole pages. What a last page has past the positions may be another sequence's, so zeros are saved there.
void CpuStates::save(std::span<const int32_t> pages, int positions,
                     const std::function<void(std::span<const std::byte>)>& to) const {
  check(pages, positions);
  std::vector<u8> cleared;
  for (int first = 0; first < positions; first += plan::page_positions)
    each_chunk(pages[first / plan::page_positions],
               [&](const StatesLayout::Part& part, const u8* keys, const u8* values) {
                 if (positions - first < plan::page_positions) {
                   cleared.assign(keys, keys + part.key_bytes);
                   cleared.insert(cleared.end(), values, values + part.value_bytes);
                   keys = cleared.data(), values = keys + part.key_bytes;
                   layout_.clear_from(part, positions - first, cleared.data(), cleared.data() + part.key_bytes);
                 }
                 to(std::as_bytes(std::span(keys, part.key_bytes)));
                 to(std::as_bytes(std::span(values, part.value_bytes)));
               });
}

void CpuStates::restore(std::span<const int32_t> pages, int positions, std::span<const std::byte> from) {
  check(pages, positions);
  if (from.size() != saved_bytes(positions))
    throw Error("cpu", "keys and values do not fit", fmt::format("{} bytes", from.size()),
                fmt::format("{} bytes for {} positions", saved_bytes(positions), positions));
  auto take = [&](u8* to, uint64_t n) {
    std::memcpy(to, from.data(), n);
    from = from.subspan(n);
  };
  for (int32_t page : pages.first(plan::pages_for(positions))) {
    touch(page);
    each_chunk(page, [&](const StatesLayout::Part& part, u8* keys, u8* values) {
      take(keys, part.key_bytes);
      take(values, part.value_bytes);
    });
  }
}

std::optional<plan::Overflow> CpuStates::overflow(std::span<const int32_t> pages, int positions) const {
  check(pages, positions);
  if (layout_.coded()) return std::nullopt;
  for (const StatesLayout::Part& part : layout_.parts()) {
    plan::HalvesSeen seen;
    for (int position = 0; position < positions; position++) {
      const int32_t page = pages[position / plan::page_positions];
      const int at = position % plan::page_positions;
      for (int head = 0; head < part.kv_heads; head++) {
        const u16* of_keys = reinterpret_cast<const u16*>(keys(part, head, page));
        const u16* of_values = reinterpret_cast<const u16*>(values(part, head, page));
        for (int i = 0; i < part.key_size; i++) seen.add(of_keys[key_at(at, i, part.key_size)]);
        for (int i = 0; i < part.value_size; i++) seen.add(of_values[int64_t{at} * part.value_size + i]);
      }
    }
    if (seen.finite()) continue;
    if (!seen.overflow()) return std::nullopt;
    return plan::Overflow{part.layer, seen.range,
                          layout_.widest()
                              ? fmt::format("keep them as codes with a scale: --kv {}", layout_.widest()->name)
                              : "no other format keeps heads of this size"};
  }
  return std::nullopt;
}

}  // namespace ingot::cpu
