// Files are read with a bound, and replaced in one step or not at all.
#include "base/files.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "ingot/error.h"

namespace ingot {
namespace {

class Files : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = testing::TempDir() + "ingot_files_XXXXXX";
    ASSERT_NE(mkdtemp(folder_.data()), nullptr);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::string path(const char* name) const { return folder_ + "/" + name; }
  size_t entries() const { return std::distance(std::filesystem::directory_iterator(folder_), {}); }
  static std::span<const std::byte> bytes(std::string_view text) { return std::as_bytes(std::span(text)); }
  static std::string text_of(const std::string& path) {
    auto all = read_file(path, 1 << 20);
    return {reinterpret_cast<const char*>(all.data()), all.size()};
  }
  std::string folder_;
};

TEST_F(Files, TheOldOneStandsUntilTheNewOneIsWhole) {
  std::ofstream(path("a")) << "old";
  {
    NewFile file(path("a"), Access::everyone);
    file.write(bytes("new and "));
    file.write(bytes("longer"));
    EXPECT_EQ(text_of(path("a")), "old");
    file.commit();
    EXPECT_EQ(text_of(path("a")), "new and longer");
  }
  EXPECT_EQ(entries(), 1u);
  { NewFile(path("a"), Access::everyone).write(bytes("never finished")); }
  EXPECT_EQ(text_of(path("a")), "new and longer");
  EXPECT_EQ(entries(), 1u);
}

TEST_F(Files, RefusesWhatIsNoFile) {
  mkdir(path("folder").c_str(), 0700);
  mkfifo(path("pipe").c_str(), 0600);
  for (const char* name : {"folder", "pipe"}) {
    EXPECT_THROW(NewFile(path(name), Access::everyone), Error) << name;
    EXPECT_THROW(read_file(path(name), 100), Error) << name;
  }
  EXPECT_THROW(NewFile(path("nowhere/a"), Access::everyone), Error);
  EXPECT_THROW(read_file(path("nothing"), 100), Error);
  EXPECT_EQ(entries(), 2u);
}

TEST_F(Files, WhatAPersonWroteIsTheirs) {
  mode_t before = umask(022);
  for (Access access : {Access::owner, Access::everyone}) {
    NewFile file(path("a"), access);
    file.commit();
    struct stat status = {};
    ASSERT_EQ(stat(path("a").c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, access == Access::owner ? 0600u : 0644u);
  }
  umask(before);
}

// Whoever reads the umask by setting it gives files that other threads make at that moment modes that nobody asked for.
TEST_F(Files, OtherThreadsKeepTheirUmask) {
  mode_t before = umask(077);
  std::atomic<bool> done = false;
  std::jthread writer([&] {
    while (!done) NewFile(path("a"), Access::everyone);
  });
  for (int i = 0; i < 2000; i++) {
    ASSERT_EQ(mkdir(path("other").c_str(), 0777), 0);
    struct stat status = {};
    ASSERT_EQ(stat(path("other").c_str(), &status), 0);
    ASSERT_EQ(rmdir(path("other").c_str()), 0);
    EXPECT_EQ(status.st_mode & 0777, 0700u) << "after " << i;
    if (HasFailure()) break;
  }
  done = true;
  umask(before);
}

TEST_F(Files, FollowsLinksToWhatTheyName) {
  mkdir(path("else").c_str(), 0700);
  ASSERT_EQ(symlink("else/b", path("link").c_str()), 0);
  ASSERT_EQ(symlink("link", path("link to a link").c_str()), 0);
  for (const char* text : {"first", "second"}) {  // the first time nothing is there yet
    NewFile file(path("link to a link"), Access::owner);
    file.write(std::string_view(text));
    file.commit();
    EXPECT_EQ(text_of(path("else/b")), text);
    EXPECT_TRUE(std::filesystem::is_symlink(path("link to a link")));
    EXPECT_TRUE(std::filesystem::is_symlink(path("link")));
  }
  ASSERT_EQ(symlink("loop", path("loop").c_str()), 0);
  EXPECT_THROW(NewFile(path("loop"), Access::owner).commit(), Error);
  EXPECT_EQ(entries(), 4u);
}

TEST_F(Files, ALongNameIsNoHindrance) {
  const std::string name(255, 'n');
  NewFile file(path(name.c_str()), Access::owner);
  file.commit();
  EXPECT_EQ(entries(), 1u);
}

TEST_F(Files, DiscardsWhatIsUnfinished) {
  NewFile done(path("done"), Access::owner), one(path("one"), Access::owner), two(path("two"), Access::owner);
  done.commit();
  EXPECT_EQ(entries(), 3u);
  TemporaryFile::discard_all();
  EXPECT_EQ(entries(), 1u);
  EXPECT_TRUE(std::filesystem::exists(path("done")));
}

TEST_F(Files, ReadsNoMoreThanItsBound) {
  std::ofstream(path("a")) << "12345";
  EXPECT_EQ(read_file(path("a"), 5).size(), 5u);
  EXPECT_THROW(read_file(path("a"), 4), Error);
}

TEST_F(Files, AFullDiskIsAnError) {
  if (access("/dev/full", W_OK) != 0) GTEST_SKIP() << "no /dev/full";
  EXPECT_THROW(NewFile("/dev/full", Access::everyone), Error);
}

}  // namespace
}  // namespace ingot
