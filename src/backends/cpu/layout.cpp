#include "backends/cpu/layout.h"

#include <fmt/core.h>

#include <algorithm>

#include "ingot/error.h"

namespace ingot::cpu {

const Isa& find_isa(const std::string& name) {
  IsaList list = isas();
  std::string known;
  for (int i = 0; i < list.count; i++) {
    const Isa& isa = *list.begin[i];
    known += (known.empty() ? "" : ", ") + std::string(isa.name);
    if (name.empty() ? isa.supported() : name == isa.name) {
      if (!isa.supported())
        throw Error("cpu", "this machine cannot run the instruction set", name, "", "leave it out to use the best one");
      return isa;
    }
  }
  if (!name.empty()) throw Error("cpu", "unknown instruction set", name, known);
  throw Error("cpu", "this build has no kernels for this machine", known, "",
              "build with INGOT_ISAS=all, or on this machine with INGOT_ISAS=native");
}

MatrixView view_of(const plan::Plan& plan, const plan::Slice& slice) {
  const plan::Weight& w = plan[slice];
  const uint64_t row_bytes = w.row_bytes();
  const uint64_t at =
      capped_sum(capped_product(slice.first_row, row_bytes), w.format->row_bytes(narrow<uint64_t>(slice.first_col)));
  return {.format = w.format,
          .data = reinterpret_cast<const u8*>(w.data) + at,
          .rows = slice.rows,
          .cols = slice.cols,
          .row_bytes = row_bytes};
}

const FormatKernels& kernels_of(const quant::Format& format, const Isa& isa) {
  return *isa.formats[&format - quant::formats().data()];
}

Placement place(const quant::Format& format, const Isa& isa, bool repack) {
  const FormatKernels& kernels = kernels_of(format, isa);
  return {&kernels, repack && kernels.lane_rows > 0};
}

std::string class_name(const FormatKernels& k) {
  std::string kind = k.class_kind;
  if (kind == "float") return fmt::format("f{}", k.class_bits);
  if (kind == "vector") return fmt::format("vector {}-bit", k.class_bits);
  return fmt::format("u{} {}", k.class_bits, kind);
}

uint64_t Placement::call_bytes(const MatrixView& m) const {
  return capped_product(gemv_max_rows / kernels->lane_rows, m.cols / m.format->block, kernels->tile_bytes);
}

uint64_t Placement::resident_bytes(const MatrixView& m) const {
  if (!resident) return 0;
  return capped_product((m.rows + gemv_max_rows - 1) / gemv_max_rows, call_bytes(m));
}

void pack(const MatrixView& m, const FormatKernels& kernels, u8* to, uint64_t stride, Worker& worker) {
  const int64_t rows = kernels.lane_rows, groups = (m.rows + rows - 1) / rows, groups_per_call = gemv_max_rows / rows;
  const int64_t row_bytes = narrow<int64_t>(m.row_bytes);
  const uint64_t group_bytes = capped_product(m.cols / m.format->block, kernels.tile_bytes);
  for (int64_t g = worker.begin(groups); g < worker.end(groups); g++) {
    const int present = static_cast<int>(std::min(rows, m.rows - g * rows));
    u8* group = to + g / groups_per_call * stride + g % groups_per_call * group_bytes;
    kernels.pack(m.data + g * rows * row_bytes, row_bytes, present, m.cols, group);
  }
}

}  // namespace ingot::cpu
