// Models in other formats: what is written is what was planned, whatever the number of threads; what fails leaves
// nothing; importances are read and used.
#include "ingot/quantize.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <fstream>
#include <random>
#include <sstream>

#include "container/gguf.h"
#include "container/gguf_writer.h"
#include "foundry/geometry.h"
#include "ingot/importance.h"
#include "quant/format.h"
#include "support/gguf_builder.h"

namespace ingot {
namespace {

using foundry::geometry_of;

std::vector<float> normal(size_t n, uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> draw;
  std::vector<float> x(n);
  for (float& v : x) v = draw(random);
  return x;
}
std::string contents(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

class Quantize : public testing::Test {
 protected:
  std::string folder_ = testing::TempDir() + "quantize" + std::to_string(getpid()) + "_" +
                        testing::UnitTest::GetInstance()->current_test_info()->name();
  std::string model_ = folder_ + "_model.gguf", out_ = folder_ + "_out.gguf";
  std::vector<float> matrix_ = normal(300 * 512, 1);

  void SetUp() override {
    test::GgufBuilder file;
    file.kv("general.architecture", "llama").kv("llama.block_count", uint32_t{2});
    file.kv("general.file_type", uint32_t{0});
    file.tensor("token_embd.weight", {512, 40}, 0, test::bytes_of(normal(40 * 512, 2)));
    file.tensor("blk.0.attn_norm.weight", {512}, 0, test::bytes_of(normal(512, 3)));
    file.tensor("blk.0.ffn_up.weight", {512, 300}, 0, test::bytes_of(matrix_));
    file.tensor("blk.1.ffn_up.weight", {96, 7}, 0, test::bytes_of(normal(96 * 7, 4)));
    file.write(model_);
  }
  void TearDown() override { unlink(model_.c_str()), unlink(out_.c_str()); }
  static QuantizeOptions to(const std::string& name, int threads = 1) {
    QuantizeOptions o;
    o.to = name, o.threads = threads;
    return o;
  }
  double error_of(const std::string& path, const std::string& name, const std::vector<float>& w = {}) {
    const container::Gguf file = container::Gguf::open(path, geometry_of);
    const container::Tensor& t = *file.find_tensor(name);
    std::vector<float> y(t.elements);
    quant::find_format("ggml", t.type)->decode(t.data, y.data(), int64_t(y.size()));
    double error = 0, size = 0;
    for (size_t i = 0; i < y.size(); i++) {
      const double wi = w.empty() ? 1 : w[i % w.size()];
      error += wi * std::pow(double(y[i]) - matrix_[i], 2), size += wi * std::pow(double(matrix_[i]), 2);
    }
    return std::sqrt(error / size);
  }
};

TEST_F(Quantize, WritesWhatItPlans) {
  const Quantization planned = plan_quantization(model_, to("q4_k_m"));
  const Quantization made = write_quantized(model_, out_, to("q4_k_m"));
  const container::Gguf file = container::Gguf::open(out_, geometry_of);
  EXPECT_EQ(file.bytes(), planned.to_bytes);
  EXPECT_EQ(file.unsigned_at("general.file_type"), 15u);
  EXPECT_EQ(file.unsigned_at("general.quantization_version"), 2u);
  EXPECT_EQ(file.string_at("general.architecture"), "llama");
  ASSERT_EQ(file.tensors().size(), 4u);
  for (size_t i = 0; i < 4; i++) {
    const container::Tensor& t = file.tensors()[i];
    EXPECT_EQ(t.name, planned.tensors[i].name);
    EXPECT_EQ(t.shape, planned.tensors[i].shape);
    EXPECT_EQ(geometry_of(t.type)->name, made.tensors[i].to);
    EXPECT_EQ(t.bytes, planned.tensors[i].to_bytes);
  }
  EXPECT_EQ(made.tensors[0].to, "q6_k");  // the head
  EXPECT_EQ(made.tensors[1].to, "f32");
  EXPECT_EQ(made.tensors[2].to, "q4_k");
  EXPECT_EQ(made.tensors[3].to, "q5_0");  // rows of 96
  EXPECT_NE(made.tensors[3].note, "");
  EXPECT_LT(error_of(out_, "blk.0.ffn_up.weight"), 0.072);
}

TEST_F(Quantize, ThreadsDoNotChangeTheBytes) {
  write_quantized(model_, out_, to("q3_k_m", 1));
  const std::string one = contents(out_);
  for (int threads : {2, 3, 7}) {
    write_quantized(model_, out_, to("q3_k_m", threads));
    EXPECT_EQ(contents(out_), one) << threads;
  }
}

TEST_F(Quantize, RulesOverruleTheMix) {
  QuantizeOptions o = to("q4_0");
  o.recipe = "blk.0.ffn_up.weight = q8_0, token_embd = f16";
  const Quantization q = plan_quantization(model_, o);
  EXPECT_EQ(q.tensors[0].to, "f16");
  EXPECT_EQ(q.tensors[2].to, "q8_0");
  o = to("nvfp4");  // a format without a mix
  EXPECT_EQ(plan_quantization(model_, o).tensors[2].to, "nvfp4");
  o = to("q4_0"), o.pure = true;
  EXPECT_EQ(plan_quantization(model_, o).tensors[0].to, "q4_0");
}

TEST_F(Quantize, FallbacksInACircleAreRefused) {
  QuantizeOptions o = to("q4_k");
  o.recipe = "fallback q4_k q6_k, fallback q6_k q4_k";
  try {
    plan_quantization(model_, o);
    FAIL();
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("no format fits the rows of blk.1.ffn_up.weight"), std::string::npos)
        << e.what();
  }
}

TEST_F(Quantize, StoppedOrFailingLeavesNothing) {
  QuantizeOptions o = to("q4_0");
  int asked = 0;
  o.stop = [&] { return ++asked == 2; };
  EXPECT_THROW(write_quantized(model_, out_, o), Error);
  EXPECT_NE(access(out_.c_str(), F_OK), 0);
  std::ofstream(out_) << "older";
  asked = 0;
  EXPECT_THROW(write_quantized(model_, out_, o), Error);
  EXPECT_EQ(contents(out_), "older");
  EXPECT_THROW(write_quantized(model_, model_, to("q4_0")), Error) << "over itself";
  EXPECT_THROW(plan_quantization(model_, to("q4_9")), Error);
}

TEST_F(Quantize, RefusesWeightsThatAreNotFinite) {
  matrix_[300 * 511] = INFINITY;
  test::GgufBuilder file;
  file.kv("general.architecture", "llama");
  file.tensor("blk.0.ffn_up.weight", {512, 300}, 0, test::bytes_of(matrix_));
  file.write(model_);
  try {
    write_quantized(model_, out_, to("q4_0"));
    FAIL();
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("blk.0.ffn_up.weight has a weight that is not finite; got row 299"),
              std::string::npos)
        << e.what();
  }
}

TEST_F(Quantize, EncodesAgainOnlyWhereAllowed) {
  write_quantized(model_, out_, to("q8_0"));
  const std::string again = folder_ + "_again.gguf";
  EXPECT_THROW(plan_quantization(out_, to("q4_0")), Error);
  QuantizeOptions o = to("q4_0");
  o.allow_requantize = true;
  write_quantized(out_, again, o);
  EXPECT_LT(error_of(again, "blk.0.ffn_up.weight"), 0.09);
  write_quantized(out_, again, to("q8_0"));
  EXPECT_EQ(contents(again), contents(out_)) << "nothing to do";
  unlink(again.c_str());
}

TEST_F(Quantize, ReadsAndUsesImportances) {
  const std::string importance = folder_ + "_imatrix.gguf";
  std::vector<float> sums = normal(512, 9);
  for (float& v : sums) v = std::exp(2 * v) * 10;
  test::GgufBuilder file;
  file.kv("general.type", "imatrix");
  file.tensor("blk.0.ffn_up.weight.in_sum2", {512, 1}, 0, test::bytes_of(sums));
  file.tensor("blk.0.ffn_up.weight.counts", {1, 1}, 0, test::bytes_of(std::vector<float>{10}));
  file.write(importance);
  QuantizeOptions o = to("q3_k_s");
  write_quantized(model_, out_, o);
  const double unasked = error_of(out_, "blk.0.ffn_up.weight", sums);
  o.importance = importance;
  const Quantization q = write_quantized(model_, out_, o);
  EXPECT_TRUE(q.tensors[2].has_importance && !q.tensors[0].has_importance);
  EXPECT_LT(error_of(out_, "blk.0.ffn_up.weight", sums), unasked * 0.97);
  const std::string again = folder_ + "_again.gguf";  // what the first file says of its importances is not said twice
  o.allow_requantize = true;
  write_quantized(out_, again, o);
  EXPECT_EQ(container::Gguf::open(again, geometry_of).string_at("quantize.imatrix.file"), importance);
  unlink(again.c_str());

  sums[5] = NAN;
  test::GgufBuilder broken;
  broken.tensor("blk.0.ffn_up.weight.in_sum2", {512, 1}, 0, test::bytes_of(sums));
  broken.tensor("blk.0.ffn_up.weight.counts", {1, 1}, 0, test::bytes_of(std::vector<float>{10}));
  broken.write(importance);
  EXPECT_THROW(plan_quantization(model_, o), Error);
  test::GgufBuilder small;
  small.tensor("blk.0.ffn_up.weight.in_sum2", {96, 1}, 0, test::bytes_of(std::vector<float>(96, 1.0f)));
  small.tensor("blk.0.ffn_up.weight.counts", {1, 1}, 0, test::bytes_of(std::vector<float>{10}));
  small.write(importance);
  EXPECT_THROW(plan_quantization(model_, o), Error) << "of another model";
  unlink(importance.c_str());
}

TEST(ImportanceFile, RefusesWhatCannotBeRead) {
  const std::string path = testing::TempDir() + "importance" + std::to_string(getpid()) + ".gguf";
  for (const MatrixImportance& m :
       {MatrixImportance{{1, 2}, {}}, MatrixImportance{{}, {1}}, MatrixImportance{{1, 2, 3}, {1, 1}},
        MatrixImportance{{1e39}, {1}}, MatrixImportance{{-1}, {1}}, MatrixImportance{{1}, {NAN}}}) {
    Importance importance;
    importance.matrices["a"] = m;
    EXPECT_THROW(write_importance(path, importance), Error);
  }
  EXPECT_NE(access(path.c_str(), F_OK), 0);
}

TEST(GgufWriter, RefusesTensorsOfOtherSizes) {
  const std::string path = testing::TempDir() + "writer" + std::to_string(getpid()) + ".gguf";
  const std::vector<std::byte> bytes(40);
  container::GgufWriter more(path, {}, {{"a", 0, {8}, 32}}, 32);
  EXPECT_THROW(more.write(bytes), Error);
  container::GgufWriter less(path, {}, {{"a", 0, {16}, 64}}, 32);
  less.write(bytes);
  EXPECT_THROW(less.commit(), Error);
  EXPECT_NE(access(path.c_str(), F_OK), 0);
}

}  // namespace
}  // namespace ingot
