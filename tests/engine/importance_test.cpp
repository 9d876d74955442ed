// Importances: the sums do not depend on threads, batches or windows' borders in a batch; every matrix has one; what
// several files have is added.
#include "ingot/importance.h"

#include <gtest/gtest.h>

#include "engine/tiny_model.h"

namespace ingot::tests {
namespace {

const std::string text =
    "A yard that laid down three keels in a year had to think a hundred years ahead, so the shipwrights planted acorns "
    "along the road to the harbour. Their grandchildren built with iron.";

ImportanceOptions windows_of(int context, int windows = 0) {
  ImportanceOptions o;
  o.context = context, o.windows = windows;
  return o;
}
Model load(const TinyModel& file, int threads = 1, int max_batch = 512) {
  LoadOptions o;
  o.threads = threads, o.max_batch = max_batch;
  return Model::load(file.write(), o);
}

TEST(Importance, EveryMatrixHasASumForEachInput) {
  const TinyModel file("f32");
  const Importance made = measure_importance(load(file), text, windows_of(32, 3));
  EXPECT_EQ(made.windows, 3u);
  EXPECT_EQ(made.context, 32);
  ASSERT_EQ(made.matrices.size(), 15u);  // seven of each layer, and the embedding, which is the head too
  for (const auto& [name, m] : made.matrices) {
    EXPECT_EQ(m.sums.size(), name.find("ffn_down") != std::string::npos ? 96u : 64u) << name;
    EXPECT_EQ(m.counts, std::vector<double>{96}) << name;
    for (double x : m.sums) EXPECT_GT(x, 0) << name;
  }
  EXPECT_EQ(made.matrices.at("blk.1.attn_q.weight").sums, made.matrices.at("blk.1.attn_v.weight").sums);
  EXPECT_NE(made.matrices.at("blk.1.attn_q.weight").sums, made.matrices.at("blk.1.ffn_up.weight").sums);
  // A norm with ones: the mean of all squares is 1.
  double all = 0;
  for (double x : made.matrices.at("blk.0.attn_q.weight").sums) all += x;
  EXPECT_NEAR(all / (96 * 64), 1, 0.01);
}

TEST(Importance, DoesNotDependOnThreadsBatchesAndKernels) {
  const TinyModel floats("f32"), codes("q8_0");
  for (const TinyModel* file : {&floats, &codes}) {
    const Importance one = measure_importance(load(*file), text, windows_of(32));
    for (int threads : {1, 3})
      for (int max_batch : {1, 5, 512}) {
        const Importance other = measure_importance(load(*file, threads, max_batch), text, windows_of(32));
        for (const auto& [name, m] : one.matrices) EXPECT_EQ(other.matrices.at(name).sums, m.sums) << name;
      }
  }
}

TEST(Importance, AddsUp) {
  const TinyModel file("f32");
  const Model model = load(file);
  const Importance first = measure_importance(model, text, windows_of(32, 1));
  const Importance rest = measure_importance(model, std::string_view(text).substr(32 - 1), windows_of(32, 2));
  Importance both = first;
  both.add(rest);
  EXPECT_EQ(both.windows, 3u);
  const MatrixImportance &m = both.matrices.at("blk.0.ffn_up.weight"), &a = first.matrices.at("blk.0.ffn_up.weight"),
                         &b = rest.matrices.at("blk.0.ffn_up.weight");
  EXPECT_EQ(m.counts, std::vector<double>{96});
  for (size_t i = 0; i < m.sums.size(); i++) EXPECT_EQ(m.sums[i], a.sums[i] + b.sums[i]);
  const Importance other = measure_importance(load(TinyModel("f32", 1, 128, 16, 32)), text, windows_of(32));
  EXPECT_THROW(both.add(other), Error);
}

TEST(Importance, StopsAfterAWindowAndRefusesWhatCannotBe) {
  const TinyModel file("f32");
  const Model model = load(file);
  ImportanceOptions o = windows_of(32);
  o.stop = [] { return true; };
  EXPECT_EQ(measure_importance(model, text, o).windows, 1u);
  EXPECT_THROW(measure_importance(model, "short", windows_of(32)), Error);
  EXPECT_THROW(measure_importance(model, text, windows_of(1000)), Error);
}

TEST(Importance, TheHeadMayBeLeftOut) {
  TinyModel file("f32");
  file.file.tensor("output.weight", {64, 259}, 0, test::bytes_of(std::vector<float>(64 * 259, 0.1f)));
  const Model model = load(file);
  ImportanceOptions o = windows_of(32, 2);
  const Importance with = measure_importance(model, text, o);
  o.head = false;
  const Importance without = measure_importance(model, text, o);
  EXPECT_EQ(with.matrices.at("output.weight").counts, std::vector<double>{64});
  EXPECT_EQ(without.matrices.count("output.weight"), 0u);
  EXPECT_EQ(with.matrices.size(), without.matrices.size() + 1);
  for (const auto& [name, m] : without.matrices) EXPECT_EQ(with.matrices.at(name).sums, m.sums) << name;
}

}  // namespace
}  // namespace ingot::tests
