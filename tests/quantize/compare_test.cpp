// Comparisons: errors by their definition, whatever the number of threads; tensors that one file lacks.
#include "ingot/compare.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <random>

#include "container/gguf.h"
#include "foundry/geometry.h"
#include "ingot/importance.h"
#include "ingot/quantize.h"
#include "quant/format.h"
#include "support/gguf_builder.h"

namespace ingot {
namespace {

class Compare : public testing::Test {
 protected:
  std::string base_ = testing::TempDir() + "compare" + std::to_string(getpid()) + ".gguf", other_ = base_ + ".other",
              imatrix_ = base_ + ".imatrix";
  std::vector<float> matrix_ = std::vector<float>(256 * 20);

  void SetUp() override {
    std::mt19937 random(1);
    std::normal_distribution<float> draw;
    for (float& v : matrix_) v = draw(random);
    write(base_, {256, 20});
    QuantizeOptions o;
    o.to = "q4_0";
    write_quantized(base_, other_, o);
  }
  void TearDown() override { unlink(base_.c_str()), unlink(other_.c_str()), unlink(imatrix_.c_str()); }
  void write(const std::string& path, std::vector<uint64_t> shape, const char* name = "blk.0.ffn_up.weight") const {
    test::GgufBuilder file;
    file.kv("general.architecture", "llama");
    file.tensor("blk.0.attn_norm.weight", {8}, 0, test::bytes_of(std::vector<float>(8, 1)));
    file.tensor(name, shape, 0, test::bytes_of(matrix_));
    file.write(path);
  }
};

TEST_F(Compare, ErrorsAreThoseOfTheDefinition) {
  Importance importance;
  MatrixImportance& m = importance.matrices["blk.0.ffn_up.weight"];
  for (int i = 0; i < 256; i++) m.sums.push_back(1 + i % 7);
  m.counts = {2};
  write_importance(imatrix_, importance);
  const container::Gguf file = container::Gguf::open(other_, foundry::geometry_of);
  const container::Tensor& t = *file.find_tensor("blk.0.ffn_up.weight");
  std::vector<float> y(matrix_.size());
  quant::find_format("q4_0")->decode(t.data, y.data(), int64_t(y.size()));
  double error = 0, size = 0, weighted = 0, weighted_size = 0;
  for (size_t i = 0; i < y.size(); i++) {
    const double off = double(matrix_[i]) - y[i], x = matrix_[i], w = 1 + i % 256 % 7;
    error += off * off, size += x * x, weighted += w * off * off, weighted_size += w * x * x;
  }
  for (int threads : {1, 3}) {
    CompareOptions o;
    o.threads = threads, o.importance = imatrix_;
    const Comparison c = compare_models(base_, other_, o);
    ASSERT_EQ(c.tensors.size(), 2u);
    EXPECT_EQ(c.tensors[0].error, 0);
    EXPECT_FALSE(c.tensors[0].weighted);
    EXPECT_NEAR(c.tensors[1].error, std::sqrt(error / size), 1e-12);
    EXPECT_NEAR(*c.tensors[1].weighted, std::sqrt(weighted / weighted_size), 1e-7);
    EXPECT_EQ(c.tensors[1].base_format, "f32");
    EXPECT_EQ(c.tensors[1].format, "q4_0");
    EXPECT_EQ(c.tensors[1].bits, 4.5);
    EXPECT_NEAR(c.bits, (4.5 * 5120 + 32 * 8) / 5128, 1e-9);
  }
}

TEST_F(Compare, AnErrorOfNothingIsInfinite) {
  const std::vector<float> ones = matrix_;
  matrix_.assign(matrix_.size(), 0);
  write(base_, {256, 20});
  EXPECT_EQ(compare_models(base_, base_).tensors[1].error, 0);
  matrix_ = ones;
  write(other_, {256, 20});
  EXPECT_EQ(compare_models(base_, other_).tensors[1].error, INFINITY);
}

TEST_F(Compare, MultipliesByTheScaleOfATensor) {
  QuantizeOptions o;
  o.to = "nvfp4", o.pure = true;
  write_quantized(base_, other_, o);
  const double error = compare_models(base_, other_).tensors[1].error;
  const container::Gguf file = container::Gguf::open(other_, foundry::geometry_of);
  const container::Tensor& t = *file.find_tensor("blk.0.ffn_up.weight");
  ASSERT_TRUE(quant::find_format("nvfp4")->has_tensor_scale);
  auto rewrite = [&](const std::vector<float>& scale) {
    test::GgufBuilder scaled;
    scaled.kv("general.architecture", "llama");
    scaled.tensor(t.name, t.shape, uint32_t(t.type), std::string(reinterpret_cast<const char*>(t.data), t.bytes));
    scaled.tensor("blk.0.ffn_up.scale", {scale.size()}, 0, test::bytes_of(scale));
    scaled.write(imatrix_);
  };
  for (float& v : matrix_) v *= 4;
  write(base_, {256, 20});
  rewrite({4});
  EXPECT_NEAR(compare_models(base_, imatrix_).tensors[0].error, error, 1e-9);
  rewrite({4, 4});
  EXPECT_THROW(compare_models(base_, imatrix_), Error);
}

TEST_F(Compare, SaysWhatOneFileLacks) {
  write(other_, {256, 20}, "blk.0.ffn_down.weight");
  const Comparison c = compare_models(base_, other_);
  EXPECT_EQ(c.tensors.size(), 1u);
  EXPECT_EQ(c.only_base, std::vector<std::string>{"blk.0.ffn_up.weight"});
  EXPECT_EQ(c.only_other, std::vector<std::string>{"blk.0.ffn_down.weight"});
}

TEST_F(Compare, RefusesOtherShapesAndSaysWhatIsNotFinite) {
  write(other_, {128, 40});
  try {
    compare_models(base_, other_);
    FAIL();
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("got 128 x 40; expected 256 x 20"), std::string::npos) << e.what();
  }
  matrix_[700] = NAN;
  write(other_, {256, 20});
  EXPECT_TRUE(std::isnan(compare_models(base_, other_).tensors[1].error));
}

}  // namespace
}  // namespace ingot
