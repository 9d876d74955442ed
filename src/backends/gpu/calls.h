// From a plan's steps to kernel calls: which kernel, how many groups, which parameters. Pure: with no addresses it says
// what would be compiled and run, on a machine without the device.
#pragma once
#include "backends/gpu/compose.h"
#include "backends/gpu/inputs.h"
#include "backends/gpu/scratch.h"
#include "backends/gpu/weights.h"
#include "plan/backend.h"

namespace ingot::gpu {

struct Call {
  int step = 0;  ///< of the plan
  Entry entry;
  uint32_t groups = 1, threads = 32, shared_bytes = 0;
  std::vector<std::byte> parameters;
};

/// What calls are made for: the addresses of everything on the device (all null to learn about kernels only), and its
/// facts.
struct Target {
  const Weights* weights = nullptr;
  const Scratch* scratch = nullptr;
  const Inputs* inputs = nullptr;
  int cores = 0;                ///< of the device; 0: unknown
  bool copies_overlap = false;  ///< on the device
  int max_gemm_tokens = 64;     ///< Facts::max_gemm_tokens
};

/// What the steps with a row per token are recorded for: rows at most, and which sequences there may be
/// (kernels/batch/gpu/header.h).
struct BodyShape {
  int rows = 1;
  bool singles = true, several = false;
  auto operator<=>(const BodyShape&) const = default;
};
/// What the steps with a row per output are recorded for.
struct HeadShape {
  int outputs = 1;
  bool listed = false;  ///< output i is of any row, not of row i
  bool choose = false;  ///< the next tokens are chosen
  auto operator<=>(const HeadShape&) const = default;
};

std::vector<Call> body_calls(const plan::Plan& plan, const Target& target, const BodyShape& shape);
std::vector<Call> head_calls(const plan::Plan& plan, const Target& target, const HeadShape& shape);
/// Of a run of one token whose logits are wanted, or whose next one is chosen.
std::vector<Call> one_token_calls(const plan::Plan& plan, const Target& target, bool choose);
/// Every entry that any batch needs, each once, on the device that `target` describes.
std::vector<Entry> entries(const plan::Plan& plan, const Target& target = {});

/// Rows that launches for `rows` of them are recorded for: a power of two, or the maximum.
int bucket_of(int rows, int max_rows);
/// Index of the first step with a row per output; so are all later ones.
size_t first_head_step(const plan::Plan& plan);

}  // namespace ingot::gpu
