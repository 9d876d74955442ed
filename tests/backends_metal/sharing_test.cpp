// Memory that the processor and the GPU share: what is read where it lies, what is copied, and that kernels find the
// same in both.
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <numeric>
#include <set>

#include "backends/metal/device.h"
#include "backends/gpu/compose.h"
#include "backends/gpu/gpu_backend.h"
#include "backends/gpu/parameters.h"
#include "backends_gpu/plans.h"
#include "backends/gpu/program.h"
#include "ingot/error.h"

namespace ingot::plan {
const Backend& metal_backend();
}

namespace ingot::metal {
namespace {

constexpr size_t offset = 4096 * 16 + 32;  // no multiple of a page, as tensors lie in a file

struct CopyWords {
  gpu::Address from, to;
  int32_t count;
};
constexpr const char* copy_words = R"(
struct CopyParams { DEVICE const i32* from; DEVICE i32* to; i32 count; };
struct CopyShared { i32 none; };
struct copy_words { typedef CopyParams Params; typedef CopyShared Shared; enum { threads = 64 };
  fn run(PARAMS(Params) p, SHARED Shared&, Thread me) -> void {
    int i = (int)(me.group * threads + me.index);
    if (i < p.count) p.to[i] = p.from[i];
  }
};
ENTRY(copy_words, copy_words)
)";

// A file of numbers that is mapped to be read.
class MappedFile {
 public:
  explicit MappedFile(size_t bytes) : bytes_(bytes) {
    std::string name = testing::TempDir() + "ingot_shared_XXXXXX";
    int file = mkstemp(name.data());
    unlink(name.c_str());
    std::vector<int32_t> words(bytes / 4 + 1);
    std::iota(words.begin(), words.end(), 1);
    EXPECT_EQ(write(file, words.data(), bytes), static_cast<ssize_t>(bytes));
    at_ = static_cast<std::byte*>(mmap(nullptr, bytes, PROT_READ, MAP_SHARED, file, 0));
    close(file);
    EXPECT_NE(at_, MAP_FAILED);
  }
  ~MappedFile() { munmap(at_, bytes_); }
  std::span<const std::byte> bytes() const { return {at_, bytes_}; }

 private:
  size_t bytes_;
  std::byte* at_;
};

class MetalSharing : public testing::Test {
 protected:
  void SetUp() override {
    if (!describe().available) GTEST_SKIP() << describe().description;
    device = open_device();
  }
  // As a kernel reads them.
  std::vector<int32_t> words_at(gpu::Address from, size_t count) {
    auto kernels = device->compile({gpu::compose("metal", {}).text + copy_words, {"copy_words"}});
    auto to = device->allocate(count * 4, "words");
    gpu::Launch launch{kernels[0].get(), static_cast<uint32_t>((count + 63) / 64), 64, 16,
                       gpu::by_value(CopyWords{from, to->address(), static_cast<int32_t>(count)})};
    device->run(*device->record({&launch, 1}));
    std::vector<int32_t> words(count);
    device->download(*to, 0, std::as_writable_bytes(std::span(words)));
    return words;
  }
  static std::vector<int32_t> words_of(std::span<const std::byte> bytes) {
    std::vector<int32_t> words(bytes.size() / 4);
    std::memcpy(words.data(), bytes.data(), words.size() * 4);
    return words;
  }
  std::unique_ptr<gpu::Device> device;
};

// Up to the end of the file, whose last page is not full.
TEST_F(MetalSharing, KernelsReadTheMappedFile) {
  MappedFile file(offset + 20000);
  for (std::span<const std::byte> part :
       {file.bytes().subspan(offset), file.bytes(), file.bytes().subspan(offset, 32)}) {
    auto shared = device->share(part);
    ASSERT_TRUE(shared);
    EXPECT_EQ(shared->bytes(), part.size());
    EXPECT_EQ(words_at(shared->address(), part.size() / 4), words_of(part));
    std::vector<int32_t> words(part.size() / 4);
    device->download(*shared, 0, std::as_writable_bytes(std::span(words)));
    EXPECT_EQ(words, words_of(part));
  }
}

TEST_F(MetalSharing, WhatIsSharedIsOnlyRead) {
  MappedFile file(5000);
  auto shared = device->share(file.bytes());
  ASSERT_TRUE(shared);
  int32_t nine = 9;
  try {
    device->upload(*shared, 0, std::as_bytes(std::span(&nine, 1)));
    FAIL();
  } catch (const Error& e) { EXPECT_NE(std::string(e.what()).find("only read"), std::string::npos); }
  EXPECT_FALSE(device->share({}));
}

// The double takes no memory that is not mapped to be shared; Metal may.
TEST_F(MetalSharing, WhatCannotBeSharedIsSaid) {
  if (!device->facts().emulated) GTEST_SKIP() << "only where the device is emulated";
  std::vector<std::byte> own(5000);
  EXPECT_FALSE(device->share(own));
}

// A plan of one format whose matrices lie one behind the other at `data`.
plan::Plan plan_over(const quant::Format& format, const std::byte* data) {
  plan::Plan plan = gpu::plan_of(format, {});
  for (plan::Weight& w : plan.weights) {
    w.data = data;
    data += w.bytes() + 32;
  }
  return plan;
}
size_t bytes_of(const plan::Plan& plan) {
  size_t bytes = 0;
  for (const plan::Weight& w : plan.weights) bytes += w.bytes() + 32;
  return bytes;
}

const quant::Format& format_named(const std::string& name) {
  return *std::ranges::find_if(quant::formats(), [&](const quant::Format& f) { return f.name == name; });
}

// Of a format with tiles the embedding table alone, of one without every matrix; the same weights either way.
TEST_F(MetalSharing, MatricesInFileBlocksStayInTheFile) {
  for (const char* name : {"q8_0", "f16"}) {
    const quant::Format& format = format_named(name);
    size_t bytes = bytes_of(gpu::plan_of(format, {}));
    MappedFile file(offset + bytes);
    std::vector<std::byte> copy(file.bytes().begin() + offset, file.bytes().end());
    plan::Plan in_file = plan_over(format, file.bytes().data() + offset), in_memory = plan_over(format, copy.data());
    std::set<std::string> copied;
    plan::Options options;
    options.release = [&](const plan::Weight& w) { copied.insert(w.name); };
    gpu::Weights shared(*device, in_file, options), other(*device, in_memory, {});
    uint64_t in_blocks = 0;
    for (const plan::Step& step : in_file.steps)
      for (const plan::Slice& slice : plan::slices_of(step.op)) {
        const plan::Weight& here = in_file[slice];
        const bool tiles = !std::holds_alternative<plan::Embed>(step.op) && gpu::has_tiles(format);
        EXPECT_EQ(copied.contains(here.name), tiles) << name << " " << here.name;
        const size_t words = (tiles ? gpu::device_bytes(in_file, slice, true) : here.bytes()) / 4;
        EXPECT_EQ(words_at(shared.matrix(slice, tiles), words), words_at(other.matrix(slice, tiles), words))
            << name << " " << here.name;
        if (tiles) continue;
        in_blocks += gpu::device_bytes(in_file, slice, false);
        EXPECT_EQ(words_at(shared.matrix(slice, false), words), words_of({here.data, here.bytes()}));
      }
    EXPECT_EQ(gpu::weight_bytes(in_file).blocks, in_blocks);
    EXPECT_EQ(plan::metal_backend().choose(in_file, {}).resident_bytes, gpu::plan_memory(in_file).weights - in_blocks);
  }
}

}  // namespace
}  // namespace ingot::metal
