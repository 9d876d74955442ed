// A machine without a driver, or with one that lacks something: a clear state, not a crash.
#include "backends/cuda/driver.h"

#include <gtest/gtest.h>

#include "plan/backend.h"
#include "backends/cuda/device.h"
#include "ingot/error.h"

namespace ingot::plan {
const Backend& cuda_backend();
}

namespace ingot::cuda {
namespace {

TEST(Driver, MissingLibraryIsSaidWithTheLoadersWords) {
  Driver d = find_driver({"libno_such_driver.so.1"});
  EXPECT_FALSE(d.ready());
  EXPECT_NE(d.missing.find("libno_such_driver.so.1"), std::string::npos) << d.missing;
  EXPECT_NE(d.missing.find("install"), std::string::npos) << d.missing;
  EXPECT_EQ(d.devices, 0);
}

TEST(Driver, LibraryWithoutItsFunctionsIsTooOld) {
  Driver d = find_driver({"libm.so.6"});
  EXPECT_FALSE(d.ready());
  EXPECT_NE(d.missing.find("libm.so.6"), std::string::npos) << d.missing;
  EXPECT_NE(d.missing.find("cuInit"), std::string::npos) << d.missing;
}

TEST(Driver, OpeningWithoutOneSaysWhatIsMissing) {
  Driver d = find_driver({"libno_such_driver.so.1"});
  try {
    open_device(d, 0, {});
    FAIL() << "opened";
  } catch (const Error& e) {
    EXPECT_EQ(e.room(), "cuda");
    EXPECT_NE(std::string(e.what()).find(d.missing), std::string::npos) << e.what();
  }
}

TEST(Driver, VersionsAreRead) {
  EXPECT_EQ(version_text(13000), "CUDA 13.0");
  EXPECT_EQ(version_text(12040), "CUDA 12.4");
}

// Whatever this machine has: the report is there, and an unusable device gives its reasons when it is asked for.
TEST(Backend, SaysWhatThereIs) {
  const plan::Backend& b = plan::cuda_backend();
  plan::Device device = b.device();
  EXPECT_EQ(device.name, "cuda");
  EXPECT_NE(device.description.find(driver().ready() ? "NVRTC" : "libcuda.so.1"), std::string::npos)
      << device.description;
  if (device.available) {
    EXPECT_GT(device.memory_bytes, 0u);
    EXPECT_GT(device.cores, 0);
  } else {
    EXPECT_GT(device.description.size(), 20u);
  }
}

}  // namespace
}  // namespace ingot::cuda
