// Which launches a batch takes.
#include "backends/gpu/calls.h"

#include <gtest/gtest.h>

#include <utility>

#include "backends/gpu/parameters.h"
#include "plans.h"

namespace ingot::gpu {
namespace {

std::vector<std::string> kernels_of(const std::vector<Call>& calls) {
  std::vector<std::string> names;
  for (const Call& call : calls) names.emplace_back(call.entry.kernel);
  return names;
}
using Names = std::vector<std::string>;

TEST(Calls, OneTokenTakesSixLaunchesPerLayer) {
  const plan::Plan plan = plan_of(*quant::find_format("q4_0"), {.layers = 1});
  EXPECT_EQ(kernels_of(one_token_calls(plan, {}, true)),
            (Names{"embed", "gemv_one", "attend_one", "attend_merge", "gemv_one", "gemv_one", "gemv_one", "gemv_one",
                   "sample_parts", "sample_best"}));
}

TEST(Calls, RowsThatAreAloneAndOthersTakeTheirOwnAttention) {
  const plan::Plan plan = plan_of(*quant::find_format("q4_0"), {.layers = 1});
  EXPECT_EQ(kernels_of(body_calls(plan, {}, {.rows = 4, .singles = true, .several = false})),
            (Names{"embed", "prepare", "gemv", "attend_one", "attend_merge", "gemv", "prepare", "gemv", "gemv"}));
  EXPECT_EQ(
      kernels_of(body_calls(plan, {}, {.rows = 16, .singles = false, .several = true})),
      (Names{"embed", "prepare", "gemm", "rope_store", "attend_many", "prepare", "gemm", "prepare", "gemm", "gemm"}));
  EXPECT_EQ(kernels_of(body_calls(plan, {}, {.rows = 16, .singles = true, .several = true})),
            (Names{"embed", "prepare", "gemm", "rope_store", "attend_one", "attend_merge", "attend_many", "prepare",
                   "gemm", "prepare", "gemm", "gemm"}));
}

// Keys that a thread group cannot make by itself, because they are codes or its heads wide, are stored before.
TEST(Calls, CodesAndWideHeadsAreStoredBefore) {
  const quant::Format &codes = *quant::find_format("q8_0"), &halves = *quant::find_format("f16");
  auto one = [&](int head_size, const quant::Format* kept) {
    const plan::Plan plan = plan_of(codes, {.head_size = head_size, .kept = kept});
    const Names names = kernels_of(one_token_calls(plan, {}, false));
    return Names(names.begin() + 2, names.begin() + 4);
  };
  EXPECT_EQ(one(256, nullptr), (Names{"attend_one", "attend_merge"}));
  EXPECT_EQ(one(256, &halves), (Names{"attend_one", "attend_merge"}));
  EXPECT_EQ(one(288, nullptr), (Names{"rope_store", "attend_stored"}));
  EXPECT_EQ(one(64, &codes), (Names{"rope_store", "attend_stored"}));
  EXPECT_EQ(one(512, &codes), (Names{"rope_store", "attend_stored"}));
  const plan::Plan plan = plan_of(codes, {.kept = &codes});
  EXPECT_EQ(kernels_of(body_calls(plan, {}, {.rows = 16, .singles = true, .several = true})),
            (Names{"embed", "prepare", "gemm", "rope_store", "attend_stored", "attend_merge", "attend_many", "prepare",
                   "gemm", "prepare", "gemm", "gemm"}));
}

// No group of attention needs more memory than every device has.
template <int head_size> void expect_bytes_of_structs() {
  EXPECT_EQ(sizeof(AttendSinglesShared<head_size>), static_cast<size_t>(attend_stored_shared_bytes(head_size)));
  EXPECT_EQ(sizeof(AttendManyShared<head_size>), static_cast<size_t>(attend_many_shared_bytes(head_size)));
  if constexpr (head_size <= attend_whole_head) {
    EXPECT_EQ(sizeof(AttendOneShared<head_size>), static_cast<size_t>(attend_one_room_bytes(head_size)));
  }
}
TEST(Calls, AttentionAsksForTheMemoryThatItsKernelsUse) {
  [&]<int... n>(std::integer_sequence<int, n...>) {
    (expect_bytes_of_structs<32 * (n + 1)>(), ...);
  }(std::make_integer_sequence<int, attend_max_head_size / 32>());
}

TEST(Calls, AttentionFitsTheMemoryOfAGroup) {
  for (int head_size = 32; head_size <= 512; head_size += 32)
    for (const char* kept : {"f16", "q8_0"}) {
      const plan::Plan plan =
          plan_of(*quant::find_format("q8_0"), {.head_size = head_size, .kept = quant::find_format(kept)});
      for (const Call& call : body_calls(plan, {}, {.rows = 16, .singles = true, .several = true})) {
        const std::string kernel = call.entry.kernel;
        if (kernel != "rope_store" && !kernel.starts_with("attend")) continue;
        EXPECT_LE(call.shared_bytes, 32768u) << kernel;
      }
    }
}

// Sums of 128 rows are as many as there is space for.
TEST(Calls, ManyRowsThatAreAloneTakeSeveralLaunches) {
  const plan::Plan plan = plan_of(*quant::find_format("q4_0"), {.layers = 1});
  const Names names = kernels_of(body_calls(plan, {}, {.rows = 512, .singles = true, .several = false}));
  EXPECT_EQ(std::ranges::count(names, "attend_one"), 4);
  EXPECT_EQ(std::ranges::count(names, "attend_merge"), 4);
}

TEST(Calls, RowsAreGatheredOnlyWhereTheyAreListed) {
  const plan::Plan plan = plan_of(*quant::find_format("q4_0"), {.layers = 1});
  EXPECT_EQ(kernels_of(head_calls(plan, {}, {.outputs = 1, .listed = true})), (Names{"gather_rows", "gemv_one"}));
  EXPECT_EQ(kernels_of(head_calls(plan, {}, {.outputs = 16})), (Names{"prepare", "gemm"}));
}

// A Linear of more matrices than a launch takes, some of which are added to what is there; inputs without a norm and
// without codes.
TEST(Calls, ALinearIsCutIntoLaunches) {
  const quant::Format& format = *quant::find_format("q8_0");
  plan::Plan plan;
  plan.values = {{"in", 64}, {"a", 32}, {"b", 32}, {"logits", 32, plan::Value::Rows::outputs}};
  plan.logits = {3};
  plan.limits = {.context = 64, .max_rows = 8, .max_outputs = 8, .state_format = nullptr, .state_bytes = 0};
  plan.weights = {{.name = "w", .format = &format, .rows = 160, .cols = 64}};
  auto slice = [](int64_t part) { return plan::Slice{{0}, 32 * part, 32, 0, 64}; };
  plan.steps.push_back(
      {0, "many",
       plan::Linear{
           .from = {0},
           .norm = std::nullopt,
           .outputs = {
               {slice(0), {}, {1}}, {slice(1), {}, {2}}, {slice(2), {}, {1}, true}, {slice(3), {}, {2}, true}}}});
  plan.steps.push_back({-1, "head", plan::Linear{.from = {0}, .norm = std::nullopt, .outputs = {{slice(4), {}, {3}}}}});
  const std::vector<Call> one = one_token_calls(plan, {}, false);
  ASSERT_EQ(one.size(), 3u);
  EXPECT_EQ(one[0].entry.arguments, (Names{"16", "normed", "store_out"}));  // codes are made where they are read
  EXPECT_EQ(one[1].entry.arguments, (Names{"16", "normed", "add_out"}));
  EXPECT_EQ(one[0].entry.formats.size(), 2u);
  EXPECT_EQ(kernels_of(body_calls(plan, {}, {.rows = 8})), (Names{"prepare", "gemv", "gemv"}));
}

// The pass is the tokens of a thread group: more where there are rows enough for all cores, never more than the
// device's registers hold.
TEST(Calls, PassesFollowRowsAndCores) {
  constexpr PlanShape shape{
      .hidden = 3584, .head_size = 128, .ffn = 18944, .heads = 28, .kv_heads = 4, .max_rows = 2048};
  const plan::Plan plan = plan_of(*quant::find_format("q4_0"), shape),
                   halves = plan_of(*quant::find_format("q6_k"), shape);
  auto passes = [](const plan::Plan& of, int rows, const Target& target) {
    Names names;
    for (const Call& call : body_calls(of, target, {.rows = rows, .singles = false, .several = true}))
      if (std::string_view(call.entry.kernel) == "gemm") names.push_back(call.entry.arguments.front());
    return names;  // of qkv, output, gate_up, down
  };
  const Target wide{.cores = 132, .copies_overlap = true, .max_gemm_tokens = 256},
      narrow{.cores = 132, .copies_overlap = true};
  EXPECT_EQ(passes(plan, 16, narrow), (Names{"16", "16", "16", "16"}));
  EXPECT_EQ(passes(plan, 128, wide), (Names{"128", "32", "128", "32"}));
  EXPECT_EQ(passes(plan, 512, wide), (Names{"128", "128", "128", "128"}));
  EXPECT_EQ(passes(plan, 2048, wide), (Names{"128", "128", "128", "128"}));
  EXPECT_EQ(passes(halves, 2048, wide), (Names{"128", "128", "128", "128"}));
  EXPECT_EQ(passes(plan, 2048, narrow), (Names{"64", "64", "64", "64"}));
}

// Where a group has the memory, up to 64 rows stream past the tiles; the input is kept where it fits.
TEST(Calls, FewRowsStreamTheirWeights) {
  constexpr PlanShape shape{
      .hidden = 3584, .head_size = 128, .ffn = 18944, .heads = 28, .kv_heads = 4, .max_rows = 512};
  const Target wide{.cores = 132, .copies_overlap = true, .max_gemm_tokens = 256};
  auto few = [&](const char* format, int rows) {
    std::vector<std::pair<std::string, std::string>> all;
    const plan::Plan plan = plan_of(*quant::find_format(format), shape);
    for (const Call& call : body_calls(plan, wide, {.rows = rows}))
      if (std::string_view(call.entry.kernel) == "gemv_few") {
        EXPECT_EQ(call.threads, 512u);
        EXPECT_LE(call.groups, 132u);
        EXPECT_LE(call.shared_bytes, 232448u);
        all.emplace_back(call.entry.arguments[0], call.entry.arguments[1]);
      }
    return all;
  };
  using All = std::vector<std::pair<std::string, std::string>>;
  EXPECT_EQ(few("q4_0", 2), (All{{"8", "1"}, {"8", "1"}, {"8", "1"}, {"8", "0"}}));
  EXPECT_EQ(few("q6_k", 16), (All{{"16", "1"}, {"16", "1"}, {"16", "1"}, {"16", "0"}}));
  EXPECT_EQ(few("q4_0", 64), (All{{"32", "0"}, {"32", "0"}, {"32", "0"}, {"32", "0"}}));
  EXPECT_EQ(few("f16", 8), All{});
}

TEST(Calls, BucketsArePowersOfTwoUpToTheMaximum) {
  for (auto [rows, bucket] : {std::pair{1, 1}, {2, 2}, {3, 4}, {5, 8}, {64, 64}, {65, 100}, {100, 100}})
    EXPECT_EQ(bucket_of(rows, 100), bucket) << rows;
}

}  // namespace
}  // namespace ingot::gpu
