#include "backends/gpu/inputs.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "backends/gpu/parameters.h"

namespace ingot::gpu {

namespace {

constexpr size_t header_ints = sizeof(BatchHeader) / 4, line_ints = sizeof(BatchLine) / 4;
static_assert(sizeof(BatchHeader) % 4 == 0 && sizeof(BatchLine) % 4 == 0 && sizeof(PageLine) == sizeof(Address));
static_assert(static_cast<int>(page_positions) == plan::page_positions);

uint64_t lines_bytes(const plan::Plan& plan) {
  const uint64_t bytes = capped_sum(sizeof(BatchHeader), capped_product(plan.limits.max_rows, sizeof(BatchLine)));
  return capped_sum(bytes, 255) / 256 * 256;
}

BatchHeader& header_of(std::vector<int32_t>& ints) { return *reinterpret_cast<BatchHeader*>(ints.data()); }
BatchLine* lines_in(std::vector<int32_t>& ints) { return reinterpret_cast<BatchLine*>(ints.data() + header_ints); }

}  // namespace

uint64_t Inputs::bytes(const plan::Plan& plan) {
  return capped_sum(lines_bytes(plan),
                    capped_product(plan.limits.max_rows, plan::pages_for(plan.limits.context), sizeof(Address)));
}

Inputs::Inputs(Device& device, const plan::Plan& plan)
    : table_at_(lines_bytes(plan)),
      page_stride_(plan::pages_for(plan.limits.context)),
      memory_(device.allocate(bytes(plan), "batches")),
      table_(capped_product(plan.limits.max_rows, page_stride_), -1),
      addresses_(static_cast<size_t>(page_stride_)) {
  const size_t max_ints = header_ints + line_ints * static_cast<size_t>(plan.limits.max_rows);
  ints_.reserve(max_ints), wanted_.reserve(max_ints);
}

BatchShape Inputs::set(Device& device, const plan::Batch& batch, PageStore& store) {
  BatchShape shape{.rows = narrow<int>(batch.tokens.size()), .outputs = batch.outputs()};
  wanted_.assign(header_ints + line_ints * batch.tokens.size(), 0);
  BatchLine* lines = lines_in(wanted_);
  int row = 0, output = 0;
  for (size_t s = 0; s < batch.sequences.size(); s++) {
    const plan::Sequence& sequence = batch.sequences[s];
    const bool alone = sequence.count == 1;
    if (alone)
      lines[shape.singles++].single_row = row;
    else
      lines[shape.several].first_row = row, lines[shape.several++].row_count = sequence.count;
    for (int i = 0; i < sequence.count; i++, row++) {
      BatchLine& line = lines[row];
      line.token = batch.tokens[static_cast<size_t>(row)], line.position = sequence.position + i;
      line.sequence = static_cast<int32_t>(s), line.alone = alone;
      if (i < sequence.count - sequence.outputs) continue;
      shape.in_order = shape.in_order && output == row;
      lines[output++].output_row = row;
    }
  }
  header_of(wanted_) = {
      .rows = shape.rows, .outputs = shape.outputs, .singles = shape.singles, .several = shape.several};
  set_pages(device, batch, store);
  if (wanted_ == ints_) return shape;
  ints_.clear();
  device.upload(*memory_, 0, std::as_bytes(std::span(wanted_)));
  ints_ = wanted_;
  return shape;
}

// The differing entries of each sequence.
void Inputs::set_pages(Device& device, const plan::Batch& batch, PageStore& store) {
  for (size_t s = 0; s < batch.sequences.size(); s++) {
    const plan::Sequence& sequence = batch.sequences[s];
    const auto pages =
        sequence.pages.first(static_cast<size_t>(plan::pages_for(int64_t{sequence.position} + sequence.count)));
    const std::span<int32_t> there = std::span(table_).subspan(s * static_cast<size_t>(page_stride_), pages.size());
    const size_t first = static_cast<size_t>(std::ranges::mismatch(pages, there).in1 - pages.begin());
    if (first == pages.size()) continue;
    size_t end = pages.size();
    while (pages[end - 1] == there[end - 1]) end--;
    for (size_t i = first; i < end; i++) addresses_[i] = store.address(device, pages[i]);
    std::ranges::fill(there.subspan(first, end - first), -1);
    const uint64_t at = table_at_ + (s * static_cast<size_t>(page_stride_) + first) * sizeof(Address);
    device.upload(*memory_, at, std::as_bytes(std::span(addresses_).subspan(first, end - first)));
    std::ranges::copy(pages.subspan(first, end - first), there.begin() + static_cast<ptrdiff_t>(first));
  }
}

void Inputs::chosen(std::span<const plan::Choice> choices) {
  BatchLine* lines = lines_in(ints_);
  for (size_t i = 0; i < choices.size(); i++) {
    BatchLine& line = lines[lines[i].output_row];
    if (!line.alone) continue;
    if (choices[i].id < 0) return ints_.clear();
    line.position++, line.token = choices[i].id;
  }
}

}  // namespace ingot::gpu
