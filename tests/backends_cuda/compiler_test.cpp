// NVRTC, which works without a GPU: machine code, and errors that help.
#include "backends/cuda/compiler.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "ingot/error.h"

namespace ingot::cuda {
namespace {

constexpr const char* kernel = "extern \"C\" __global__ void twice(float* x) { x[threadIdx.x] *= 2; }\n";

std::string said_by(const Compiler& compiler, const std::string& source, const std::string& architecture) {
  try {
    compiler.compile(source, architecture);
    return "";
  } catch (const Error& e) {
    EXPECT_EQ(e.room(), "cuda");
    return e.what();
  }
}

TEST(Compiler, MissingIsSaid) {
  Compiler compiler({"libno_such_compiler.so"});
  EXPECT_FALSE(compiler.ready());
  EXPECT_NE(compiler.missing().find("libno_such_compiler.so"), std::string::npos) << compiler.missing();
  EXPECT_NE(said_by(compiler, kernel, "sm_90").find("install"), std::string::npos);
  Compiler other({"libm.so.6"});
  EXPECT_FALSE(other.ready());
  EXPECT_NE(other.missing().find("nvrtc"), std::string::npos) << other.missing();
}

TEST(Compiler, IsLookedForByTheLoaderFirstThenInTheFolder) {
  std::vector<std::string> names = compiler_names("/folder");
  auto position = [&](const char* name) { return std::ranges::find(names, name) - names.begin(); };
  for (const char* name : {"/folder/libnvrtc.so.13", "/folder/nvidia/cu13/lib/libnvrtc.so.13",
                           "/folder/nvidia/cuda_nvrtc/lib/libnvrtc.so.12"}) {
    EXPECT_LT(position(name), static_cast<long>(names.size())) << name;
    EXPECT_LT(position("libnvrtc.so.12"), position(name));
  }
  for (const std::string& name : compiler_names(""))
    EXPECT_FALSE(name.starts_with("/nvidia") || name.starts_with("/libnvrtc")) << name;
}

class Installed : public testing::Test {
 protected:
  void SetUp() override {
    if (!compiler.ready()) GTEST_SKIP() << compiler.missing();
  }
  Compiler compiler{compiler_names("")};
};

TEST_F(Installed, MakesMachineCode) {
  for (const char* architecture : {"sm_80", "sm_89", "sm_90"}) {
    std::vector<std::byte> cubin = compiler.compile(kernel, architecture);
    ASSERT_GT(cubin.size(), 64u);
    EXPECT_EQ(std::string(reinterpret_cast<const char*>(cubin.data()), 4),
              "\x7f"
              "ELF");
  }
}

TEST_F(Installed, MistakesComeWithTheLog) {
  std::string said = said_by(
      compiler, std::string(kernel) + "#line 7 \"kernels/some_file.h\"\nint mistake = no_such_name;\n", "sm_90");
  EXPECT_NE(said.find("kernels/some_file.h(7)"), std::string::npos) << said;
  EXPECT_NE(said.find("no_such_name"), std::string::npos) << said;
  EXPECT_NE(said.find(compiler.version_text()), std::string::npos) << said;
}

TEST_F(Installed, AnUnknownGpuIsTheCompilersAge) {
  EXPECT_NE(said_by(compiler, kernel, "sm_999").find("install an NVRTC that knows this GPU"), std::string::npos)
      << said_by(compiler, kernel, "sm_999");
}

// A product and a sum stay two roundings; fma is one.
TEST_F(Installed, DoesNotContract) {
  auto instructions = [&](const char* body) {
    return compiler.compile(
        std::string("extern \"C\" __global__ void k(float* y, float a, float b, float c) { *y = ") + body + "; }\n",
        "sm_90");
  };
  EXPECT_EQ(instructions("a * b + c"), instructions("__fadd_rn(__fmul_rn(a, b), c)"));
  EXPECT_NE(instructions("a * b + c"), instructions("fmaf(a, b, c)"));
}

}  // namespace
}  // namespace ingot::cuda
