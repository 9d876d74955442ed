// The positions of the tensors in one file. The data starts at the tensor table's end, rounded up to the alignment; the
// tensors follow one another, each rounded up, in any order, and the last one ends the file. So the distance from one
// offset to the next is the size of a tensor as the file's writer knew it: a type number with another meaning here does
// not match this distance.
#include <algorithm>
#include <numeric>

#include <fmt/core.h>
#include <fmt/ranges.h>

#include "base/checked.h"
#include "base/keyed_hash.h"
#include "container/part.h"

namespace ingot::container {
namespace {

class Placing {
 public:
  Placing(Part& part, const std::vector<TensorRow>& rows, std::span<const std::byte> file, const GeometryOf& geometry)
      : part_(part), rows_(rows), file_(file), geometry_of_(geometry) {}

  void run(uint64_t table_end) {
    auto start = checked_align(table_end, part_.alignment);
    if (!start) fail({part_.path}, table_end, "the data would start beyond any file");
    data_start_ = *start;
    for (size_t i = 0; i < part_.tensors.size(); ++i) size(i);
    std::vector<uint32_t> order(part_.tensors.size());
    std::iota(order.begin(), order.end(), 0u);
    std::sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) {
      return rows_[a].data_offset != rows_[b].data_offset ? rows_[a].data_offset < rows_[b].data_offset : a < b;
    });
    for (size_t i = 0; i < order.size(); ++i) {
      if (i == 0 && rows_[order[i]].data_offset != 0)
        refuse(order[i], "a gap before the first tensor", fmt::format("offset {}", rows_[order[i]].data_offset),
               "offset 0");
      if (i + 1 < order.size()) check_distance(order[i], order[i + 1]);
    }
    // Checked last: if the size is wrong and the file is too short for it, the size is the cause.
    for (uint32_t i : order) place(i);
    if (order.empty())
      check_end();
    else
      check_last(order.back());
  }

 private:
  [[noreturn]] void refuse(size_t i, const std::string& what, const std::string& got, const std::string& expected,
                           const std::string& advice = "") const {
    fail({part_.path, "tensor", part_.tensors[i].name}, rows_[i].table_offset, what, got, expected, advice);
  }
  static constexpr const char* clash_ =
      "the tensor's type number may mean another format in the program that wrote the file";

  const Geometry& geometry(size_t i) {
    const uint32_t type = part_.tensors[i].type;
    auto known = known_.find(type);
    if (known != known_.end()) return known->second;
    std::optional<Geometry> found = geometry_of_(type);
    if (!found || found->block == 0 || found->block_bytes == 0)
      refuse(i, "unknown tensor type", fmt::format("type {}", type), "the number of a known format",
             "a format file states its number in model files; this tensor needs a format with this number");
    return known_.emplace(type, *std::move(found)).first->second;
  }

  /// Elements and bytes, from shape and geometry.
  void size(size_t i) {
    Tensor& tensor = part_.tensors[i];
    if (rows_[i].data_offset % part_.alignment != 0)
      refuse(i, "the tensor's offset is not aligned", std::to_string(rows_[i].data_offset),
             fmt::format("a multiple of {}", part_.alignment));
    tensor.elements = 1;
    for (uint64_t n : tensor.shape) {
      auto product = checked_mul(tensor.elements, n);
      if (!product || *product >> 63)
        refuse(i, "the tensor has more elements than can be counted",
               fmt::format("shape {}", fmt::join(tensor.shape, " x ")), "fewer than 2^63 elements");
      tensor.elements = *product;
    }
    const Geometry& g = geometry(i);
    if (tensor.shape[0] % g.block != 0)
      refuse(i, fmt::format("a row is not a whole number of {} blocks", g.name),
             fmt::format("rows of {} elements", tensor.shape[0]), fmt::format("a multiple of {}", g.block));
    auto bytes = checked_mul(tensor.elements / g.block, g.block_bytes);
    if (!bytes || !checked_align(*bytes, part_.alignment))
      refuse(i, "the tensor has more bytes than can be counted",
             fmt::format("shape {} of {}", fmt::join(tensor.shape, " x "), g.name), "fewer than 2^64 bytes");
    tensor.bytes = *bytes;
  }

  /// Offset and data; the whole tensor lies in the file.
  void place(size_t i) {
    Tensor& tensor = part_.tensors[i];
    const uint64_t stated = rows_[i].data_offset;
    auto begin = checked_add(data_start_, stated);
    auto end = begin ? checked_add(*begin, tensor.bytes) : std::nullopt;
    if (!end || *end > file_.size())
      refuse(i, "the tensor runs past the end of the file", fmt::format("{} bytes at offset {}", tensor.bytes, stated),
             fmt::format("at most {} bytes of data", file_.size() - std::min<uint64_t>(data_start_, file_.size())),
             "the file is damaged or its download is incomplete: download it again");
    tensor.offset = *begin;
    tensor.data = file_.data() + *begin;
  }

  /// `next` starts where `i` ends, rounded up.
  void check_distance(size_t i, size_t next) {
    const Tensor& tensor = part_.tensors[i];
    const uint64_t distance = rows_[next].data_offset - rows_[i].data_offset;
    const uint64_t padded = *checked_align(tensor.bytes, part_.alignment);
    if (distance == padded) return;
    const std::string follower = fmt::format("tensor {}", quoted(part_.tensors[next].name));
    refuse(i, fmt::format("the tensor {} {}", distance < padded ? "overlaps" : "leaves a gap before", follower),
           fmt::format("{} bytes up to it", distance),
           fmt::format("{} bytes, {} blocks of {} ({} elements in {} bytes) aligned to {}", padded,
                       tensor.elements / geometry(i).block, geometry(i).name, geometry(i).block,
                       geometry(i).block_bytes, part_.alignment),
           clash_);
  }

  void check_last(size_t i) {
    const Tensor& tensor = part_.tensors[i];
    const uint64_t space = file_.size() - tensor.offset;
    const uint64_t padded = *checked_align(tensor.bytes, part_.alignment);
    // A format with other blocks would have at least one more byte per row.
    if (space > padded)
      refuse(i, "bytes follow the last tensor", fmt::format("{} bytes up to the end of the file", space),
             fmt::format("{} to {} bytes, {} blocks of {} ({} elements in {} bytes)", tensor.bytes, padded,
                         tensor.elements / geometry(i).block, geometry(i).name, geometry(i).block,
                         geometry(i).block_bytes),
             space - padded < tensor.elements / tensor.shape[0]
                 ? "something was appended to the file: take a sound copy"
                 : clash_);
  }

  void check_end() {
    if (file_.size() > data_start_)
      fail({part_.path}, data_start_, "bytes follow the metadata of a file without tensors",
           fmt::format("{} bytes", file_.size() - data_start_), "none");
  }

  Part& part_;
  const std::vector<TensorRow>& rows_;
  std::span<const std::byte> file_;
  const GeometryOf& geometry_of_;
  HashMap<uint32_t, Geometry> known_;
  uint64_t data_start_ = 0;
};

}  // namespace

void place_tensors(Part& part, const std::vector<TensorRow>& rows, uint64_t table_end, std::span<const std::byte> file,
                   const GeometryOf& geometry) {
  Placing(part, rows, file, geometry).run(table_end);
}

}  // namespace ingot::container
