#include "backends/cpu/weights.h"

#include <algorithm>
#include <map>
#include <tuple>

namespace ingot::cpu {

namespace {

struct SliceOrder {
  static auto key(const plan::Slice& s) { return std::tuple(s.weight.index, s.first_row, s.rows, s.first_col, s.cols); }
  bool operator()(const plan::Slice& a, const plan::Slice& b) const { return key(a) < key(b); }
};

struct PackingJob {
  plan::Slice slice;
  MatrixView view;
  Placement placement;
  uint64_t at, stride;
};

/// What is packed where; sets `total` to the bytes of all.
std::vector<PackingJob> packing_jobs(const plan::Plan& plan, const Isa& isa, const plan::Options& options,
                                     uint64_t& total) {
  std::vector<PackingJob> jobs;
  std::map<plan::Slice, bool, SliceOrder> seen;
  total = 0;
  for (const plan::Step& step : plan.steps) {
    if (std::holds_alternative<plan::Embed>(step.op)) continue;
    std::vector<PackingJob> added;
    for (const plan::Slice& slice : plan::slices_of(step.op)) {
      const MatrixView view = view_of(plan, slice);
      const Placement placement = place(*view.format, isa, options.repack);
      if (!placement.resident || !seen.emplace(slice, true).second) continue;
      added.push_back(
          {.slice = slice, .view = view, .placement = placement, .at = 0, .stride = placement.call_bytes(view)});
    }
    const bool alternate = std::holds_alternative<plan::GatedLinear>(step.op) && added.size() == 2;
    if (alternate) {
      added[0].at = total, added[1].at = capped_sum(total, added[0].stride);
      added[0].stride = added[1].stride = capped_sum(added[0].stride, added[1].stride);
    }
    for (PackingJob& job : added) {
      if (!alternate) job.at = total;
      total = capped_sum(total, job.placement.resident_bytes(job.view));
      jobs.push_back(job);
    }
  }
  return jobs;
}

}  // namespace

uint64_t resident_bytes(const plan::Plan& plan, const Isa& isa, const plan::Options& options) {
  uint64_t total;
  packing_jobs(plan, isa, options, total);
  return total;
}

ResidentWeights::ResidentWeights(const plan::Plan& plan, const Isa& isa, const plan::Options& options, Pool& pool) {
  const std::vector<PackingJob> jobs = packing_jobs(plan, isa, options, bytes_);
  region_ =
      std::make_unique<Region>(bytes_, "the weights", "use a smaller model, or run from the file without repacking");
  std::vector<int> left(plan.weights.size());  // slices of each weight that are still to be packed
  for (const PackingJob& job : jobs) left[static_cast<size_t>(job.slice.weight.index)]++;
  uint64_t done = 0;
  for (const PackingJob& job : jobs) {
    u8* to = region_->data() + job.at;
    pool.run([&](Worker& worker) { pack(job.view, *job.placement.kernels, to, job.stride, worker); });
    packed_.push_back({.slice = job.slice, .weights = to, .stride = job.stride});
    if (--left[static_cast<size_t>(job.slice.weight.index)] == 0 && options.release) options.release(plan[job.slice]);
    done += job.placement.resident_bytes(job.view);
    if (options.progress) options.progress(double(done) / double(bytes_));
  }
  std::ranges::sort(packed_, SliceOrder{}, &PackedSlice::slice);
}

const PackedSlice* ResidentWeights::find(const plan::Slice& slice) const {
  auto found = std::ranges::lower_bound(packed_, slice, SliceOrder{}, &PackedSlice::slice);
  return found != packed_.end() && found->slice == slice ? &*found : nullptr;
}

}  // namespace ingot::cpu
