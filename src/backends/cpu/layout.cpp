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
      if (!isa.supported()) throw Error("cpu", "this machine cannot run the instruction set", name, "", "leave it out to use the best one");
      return isa;
    }
  }
  if (!name.empty()) throw Error("cpu", "unknown instruction set", name, known);
  throw Error("cpu", "this build has no kernels that this machine runs", known, "", "build with INGOT_ISAS=all, or on this machine with INGOT_ISAS=native");
}

Placement place(const plan::Matrix& matrix, const Isa& isa, bool repack) {
  const FormatKernels* kernels = isa.formats[matrix.format - quant::formats().data()];
  return {kernels, repack && kernels->lane_rows > 0};
}

std::string class_name(const FormatKernels& k) {
  std::string kind = k.class_kind;
  if (kind == "float") return fmt::format("f{}", k.class_bits);
  if (kind == "vector") return fmt::format("vector {}-bit", k.class_bits);
  return fmt::format("u{} {}", k.class_bits, kind);
}

uint64_t Placement::call_bytes(const plan::Matrix& m) const {
  return capped_product(gemv_max_rows / kernels->lane_rows, m.cols / m.format->block, kernels->tile_bytes);
}

uint64_t Placement::resident_bytes(const plan::Matrix& m) const {
  if (!resident) return 0;
  return capped_product((m.rows + gemv_max_rows - 1) / gemv_max_rows, call_bytes(m));
}

void pack(const plan::Matrix& m, const FormatKernels& kernels, u8* to, uint64_t stride, Worker& worker) {
  int64_t rows = kernels.lane_rows, groups = (m.rows + rows - 1) / rows, groups_a_call = gemv_max_rows / rows;
  int64_t row_bytes = static_cast<int64_t>(m.format->row_bytes(m.cols));
  uint64_t group_bytes = capped_product(m.cols / m.format->block, kernels.tile_bytes);
  for (int64_t g = worker.begin(groups); g < worker.end(groups); g++) {
    int present = static_cast<int>(std::min(rows, m.rows - g * rows));
    kernels.pack(reinterpret_cast<const u8*>(m.data) + g * rows * row_bytes, row_bytes, present, m.cols, to + g / groups_a_call * stride + g % groups_a_call * group_bytes);
  }
}

}  // namespace ingot::cpu
