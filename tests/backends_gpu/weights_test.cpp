// Slices of weights on a device: what is packed and copied of rows and columns, against packing the part that was cut
// out by hand.
#include "backends/gpu/weights.h"

#include <gtest/gtest.h>

#include "fake_device.h"
#include "plans.h"

namespace ingot::gpu {
namespace {

std::vector<std::byte> read_at(Address at, uint64_t bytes) {
  const std::byte* from = reinterpret_cast<const std::byte*>(at);
  return {from, from + bytes};
}

// A plan of one projection by `slice` of a matrix, and an embedding of the whole of it.
plan::Plan plan_with(const plan::Weight& weight, const plan::Slice& slice) {
  plan::Plan plan;
  plan.weights = {weight};
  plan.values = {{"in", slice.cols}, {"logits", slice.rows, plan::Value::Rows::outputs}, {"wide", weight.cols}};
  plan.logits = {1};
  plan.limits = {.context = 64, .max_rows = 4, .max_outputs = 4, .state_format = nullptr, .state_bytes = 0};
  plan.steps.push_back(
      {-1, "embed", plan::Embed{.table = {{0}, 0, weight.rows, 0, weight.cols}, .scale = 1, .to = {2}}});
  plan.steps.push_back({-1, "head", plan::Linear{.from = {0}, .norm = std::nullopt, .outputs = {{slice, {}, {1}}}}});
  plan::check(plan);
  return plan;
}

TEST(Slices, ArePackedAsMatricesOfTheirOwn) {
  for (const char* name : {"q8_0", "q4_k", "f32"}) {
    const quant::Format& format = *quant::find_format(name);
    const int64_t block = std::max(format.block, 32), rows = 100, cols = 6 * block;
    std::vector<std::byte> file(format.row_bytes(static_cast<uint64_t>(cols)) * rows);
    for (size_t i = 0; i < file.size(); i++) file[i] = static_cast<std::byte>(i * i % 251);
    const plan::Weight weight{.name = "w", .format = &format, .rows = rows, .cols = cols, .data = file.data()};
    const plan::Slice whole{{0}, 0, rows, 0, cols};
    for (const plan::Slice& slice :
         {whole, plan::Slice{{0}, 32, 50, 0, cols}, plan::Slice{{0}, 7, 40, block, 3 * block}}) {
      FakeCounts counts;
      FakeDevice device(counts);
      const Weights weights(device, plan_with(weight, slice), {});
      const uint64_t row_bytes = format.row_bytes(static_cast<uint64_t>(slice.cols)), stride = weight.row_bytes();
      std::vector<std::byte> cut;
      for (int64_t r = 0; r < slice.rows; r++) {
        const std::byte* from = file.data() + static_cast<uint64_t>(slice.first_row + r) * stride +
                                format.row_bytes(static_cast<uint64_t>(slice.first_col));
        cut.insert(cut.end(), from, from + row_bytes);
      }
      const plan::Weight part{
          .name = "part", .format = &format, .rows = slice.rows, .cols = slice.cols, .data = cut.data()};
      const plan::Slice all{{0}, 0, slice.rows, 0, slice.cols};
      FakeDevice other(counts);
      const plan::Plan by_hand = plan_with(part, all);
      const Weights expected(other, by_hand, {});
      const bool tiles = has_tiles(format);
      const uint64_t bytes = tiles ? device_bytes(by_hand, all, true) : cut.size();
      EXPECT_EQ(read_at(weights.matrix(slice, tiles), bytes), read_at(expected.matrix(all, tiles), bytes)) << name;
      EXPECT_EQ(read_at(weights.matrix(whole, false), file.size()), file) << name;
    }
  }
}

}  // namespace
}  // namespace ingot::gpu
