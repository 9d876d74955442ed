#include "backends/gpu/weights.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <thread>

#include "backends/gpu/tiles.h"

namespace ingot::gpu {

namespace {

constexpr uint64_t alignment = 256, staging_bytes = 64 << 20;
constexpr int64_t tile_rows = 32;

uint64_t aligned(uint64_t bytes) { return capped_sum(bytes, alignment - 1) / alignment * alignment; }

const FormatTiles& tiles_of(const quant::Format& format) { return *format_tiles()[&format - quant::formats().data()]; }

// Calls `each(matrix, tiles)` and `each(vector)` for everything that the steps read, once.
template <class OfMatrix, class OfVector> void for_each_once(const plan::Plan& plan, OfMatrix of_matrix, OfVector of_vector) {
  std::map<std::pair<const std::byte*, bool>, bool> seen;
  for (const plan::Step& step : plan.steps) {
    for (const plan::Segment& s : step.segments) {
      bool tiles = step.kind != plan::StepKind::embed && has_tiles(s.matrix);
      if (seen.emplace(std::pair(s.matrix.data, tiles), true).second) of_matrix(s.matrix, tiles);
      if (!s.bias.empty()) of_vector(s.bias);
    }
    for (const plan::Vector* v : {&step.norm, &step.q_norm, &step.k_norm})
      if (!v->empty()) of_vector(*v);
  }
}

// Groups begin … end−1 of 32 rows into `to`, by all cores.
void pack_groups(const plan::Matrix& m, int64_t begin, int64_t end, std::byte* to) {
  const FormatTiles& tiles = tiles_of(*m.format);
  int64_t row_bytes = static_cast<int64_t>(m.format->row_bytes(m.cols)), group_bytes = m.cols / m.format->block * tiles.tile_bytes;
  std::atomic<int64_t> next = begin;
  auto work = [&] {
    for (int64_t g = next++; g < end; g = next++) {
      int rows = static_cast<int>(std::min(tile_rows, m.rows - g * tile_rows));
      tiles.pack(reinterpret_cast<const unsigned char*>(m.data) + g * tile_rows * row_bytes, row_bytes, rows, m.cols, reinterpret_cast<unsigned char*>(to) + (g - begin) * group_bytes);
    }
  };
  std::vector<std::thread> others;
  for (unsigned i = 1; i < std::thread::hardware_concurrency(); i++) others.emplace_back(work);
  work();
  for (std::thread& other : others) other.join();
}

}  // namespace

int tile_bytes(const plan::Matrix& matrix) { return tiles_of(*matrix.format).tile_bytes; }
bool has_tiles(const plan::Matrix& matrix) { return tile_bytes(matrix) > 0; }

uint64_t device_bytes(const plan::Matrix& m, bool tiles) {
  if (!tiles) return aligned(m.bytes());
  return aligned(capped_product((m.rows + tile_rows - 1) / tile_rows, m.cols / m.format->block, tiles_of(*m.format).tile_bytes));
}

WeightBytes weight_bytes(const plan::Plan& plan) {
  WeightBytes bytes;
  for_each_once(
      plan,
      [&](const plan::Matrix& m, bool tiles) {
        bytes.all = capped_sum(bytes.all, device_bytes(m, tiles));
        if (!tiles) bytes.blocks = capped_sum(bytes.blocks, device_bytes(m, false));
      },
      [&](const plan::Vector& v) { bytes.all = capped_sum(bytes.all, aligned(v.size() * sizeof(float))); });
  return bytes;
}

Weights::Weights(Device& device, const plan::Plan& plan, const plan::Options& options) {
  uint64_t total = weight_bytes(plan).all, at = 0;
  for_each_once(
      plan,
      [&](const plan::Matrix& m, bool tiles) {
        std::unique_ptr<Memory> shared = tiles ? nullptr : device.share({m.data, m.bytes()});
        if (!shared) return;
        matrices_[{m.data, false}] = shared->address();
        shared_.emplace(m.data, std::move(shared));
        total -= device_bytes(m, false);
      },
      [](const plan::Vector&) {});
  memory_ = device.allocate(std::max(total, alignment), "the weights");
  auto progress = [&] {
    if (options.progress) options.progress(double(at) / double(total));
  };
  std::vector<std::byte> staging;
  for_each_once(
      plan,
      [&](const plan::Matrix& m, bool tiles) {
        if (!tiles && shared_.contains(m.data)) return;
        matrices_[{m.data, tiles}] = memory_->address() + at;
        if (!tiles) {
          device.upload(*memory_, at, {m.data, m.bytes()});
        } else {
          int64_t groups = (m.rows + tile_rows - 1) / tile_rows, group_bytes = m.cols / m.format->block * tiles_of(*m.format).tile_bytes;
          int64_t at_once = std::max<int64_t>(1, staging_bytes / group_bytes);
          for (int64_t g = 0; g < groups; g += at_once) {
            int64_t end = std::min(groups, g + at_once);
            staging.resize((end - g) * group_bytes);
            pack_groups(m, g, end, staging.data());
            device.upload(*memory_, at + g * group_bytes, staging);
          }
        }
        if (options.release && !shared_.contains(m.data)) options.release(m);
        at += device_bytes(m, tiles);
        progress();
      },
      [&](const plan::Vector& v) {
        vectors_[v.data()] = memory_->address() + at;
        device.upload(*memory_, at, std::as_bytes(std::span(v)));
        at += aligned(v.size() * sizeof(float));
      });
}

}  // namespace ingot::gpu
