// The cache of machine code: what was kept comes back, anything else counts as missing and is written anew.
#include "backends/cuda/cubin_cache.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <thread>

#include "base/files.h"

namespace ingot::cuda {
namespace {

namespace fs = std::filesystem;

constexpr size_t header_bytes = 72;

std::vector<std::byte> machine_code(size_t bytes, int seed) {
  std::vector<std::byte> code(bytes);
  for (size_t i = 0; i < bytes; i++) code[i] = static_cast<std::byte>((i * 31 + seed) * 2654435761u >> 24);
  return code;
}

class Cubins : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "ingot_cubins_XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    above = name;
    folder = name + "/cache/kernels";
  }
  void TearDown() override { fs::remove_all(above); }
  CubinCache cache() const { return {folder, "sm_90", 13000}; }

  void damage(const std::string& path, size_t at) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(static_cast<std::streamoff>(at));
    char byte = static_cast<char>(file.get() ^ 0x10);
    file.seekp(static_cast<std::streamoff>(at));
    file.put(byte);
  }

  std::string above, folder;
};

TEST_F(Cubins, ComeBack) {
  std::vector<std::byte> code = machine_code(5000, 1);
  EXPECT_EQ(cache().find("source"), std::nullopt);
  cache().keep("source", code);
  EXPECT_EQ(cache().find("source"), code);
  EXPECT_EQ(cache().find("source "), std::nullopt);
  cache().keep("empty", {});
  EXPECT_EQ(cache().find("empty"), std::vector<std::byte>());
}

TEST_F(Cubins, AreOfOneArchitectureAndDriver) {
  std::vector<std::byte> code = machine_code(100, 1), other = machine_code(100, 2);
  cache().keep("source", code);
  CubinCache foreign(folder, "sm_89", 13000), newer(folder, "sm_90", 13010);
  EXPECT_EQ(foreign.find("source"), std::nullopt);
  EXPECT_EQ(newer.find("source"), std::nullopt);
  fs::copy_file(cache().path("source"), foreign.path("source"));  // under the other's name too
  EXPECT_EQ(foreign.find("source"), std::nullopt);
  newer.keep("source", other);
  EXPECT_EQ(newer.find("source"), other);
  EXPECT_EQ(cache().find("source"), std::nullopt);
}

TEST_F(Cubins, DamageAtAnyByteIsSeenAndMended) {
  std::vector<std::byte> code = machine_code(200, 3);
  for (size_t at = 0; at < header_bytes + code.size(); at++) {
    cache().keep("source", code);
    damage(cache().path("source"), at);
    ASSERT_EQ(cache().find("source"), std::nullopt) << "byte " << at;
  }
  cache().keep("source", code);
  EXPECT_EQ(cache().find("source"), code);
}

TEST_F(Cubins, OtherLengthsAreSeen) {
  std::vector<std::byte> code = machine_code(200, 3);
  cache().keep("source", code);
  ASSERT_EQ(fs::file_size(cache().path("source")), header_bytes + code.size());
  fs::resize_file(cache().path("source"), header_bytes + code.size() + 1);
  EXPECT_EQ(cache().find("source"), std::nullopt);
  for (size_t bytes = header_bytes + code.size(); bytes-- > 0;) {
    fs::resize_file(cache().path("source"), bytes);
    ASSERT_EQ(cache().find("source"), std::nullopt) << bytes << " bytes";
  }
}

TEST_F(Cubins, LieInAFolderOfTheUsersOwn) {
  cache().keep("source", machine_code(10, 1));
  struct stat status = {};
  ASSERT_EQ(stat(folder.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0700u);
  CubinCache with_slash(folder + "//", "sm_90", 13000);
  EXPECT_EQ(with_slash.find("source"), machine_code(10, 1));
  // who may write here could have put anything in
  fs::permissions(folder, fs::perms::owner_all | fs::perms::group_write);
  EXPECT_EQ(cache().find("source"), std::nullopt);
  cache().keep("other", machine_code(10, 1));
  EXPECT_FALSE(fs::exists(cache().path("other")));
  fs::permissions(folder, fs::perms::owner_all);
  EXPECT_EQ(cache().find("source"), machine_code(10, 1));
}

TEST_F(Cubins, WithoutAFolderNothingIsKept) {
  CubinCache none("", "sm_90", 13000);
  none.keep("source", machine_code(10, 1));
  EXPECT_EQ(none.find("source"), std::nullopt);
  std::ofstream(above + "/file") << "no folder";
  CubinCache impossible(above + "/file/below", "sm_90", 13000);
  impossible.keep("source", machine_code(10, 1));
  EXPECT_EQ(impossible.find("source"), std::nullopt);
}

TEST_F(Cubins, ManyWritersLeaveAWholeFile) {
  constexpr int writers = 6, rounds = 30;
  auto code_of = [](int writer) { return machine_code(20000 + 1000 * writer, writer); };
  std::atomic<int> found = 0, broken = 0;
  std::vector<std::thread> threads;
  for (int w = 0; w < writers; w++)
    threads.emplace_back([&, w] {
      for (int r = 0; r < rounds; r++) {
        cache().keep("source", code_of(w));
        std::optional<std::vector<std::byte>> got = cache().find("source");
        if (!got) continue;
        found++;
        if (*got != code_of(static_cast<int>(got->size() - 20000) / 1000)) broken++;
      }
    });
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(found, writers * rounds);
  EXPECT_EQ(broken, 0);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder), fs::directory_iterator()), 1) << "files of a write remain";
}

}  // namespace
}  // namespace ingot::cuda
