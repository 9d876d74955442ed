// Files on disk: opening, mapping, parts of split models.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <fstream>

#include "container/mapping.h"
#include "container/support.h"

namespace ingot::test {
namespace {

using container::Gguf;

std::string refusal_at(const std::string& path) {
  return refusal([&] { Gguf::open(path, geometry); });
}

TEST(Files, OpensAndOutlivesTheFile) {
  Folder folder;
  const std::string path = folder / "model.gguf";
  every_type().write(path);
  Gguf file = Gguf::open(path, geometry);
  std::filesystem::remove(path);
  Gguf moved = std::move(file);
  EXPECT_EQ(moved.path(), path);
  EXPECT_EQ(moved.bytes(), every_type().bytes().size());
  EXPECT_EQ(moved.string_at("string"), "text");
  EXPECT_EQ(moved.find_tensor("c")->data[9], std::byte{4});
}

TEST(Files, SameAsFromMemory) {
  Folder folder;
  for (bool pad_end : {true, false}) {
    GgufBuilder builder = every_type();
    builder.pad_end = pad_end;
    const std::string bytes = builder.bytes();
    builder.write(folder / "m");
    const Gguf a = Gguf::open(folder / "m", geometry), b = parse(bytes);
    ASSERT_EQ(a.metadata().size(), b.metadata().size());
    for (size_t i = 0; i < a.metadata().size(); ++i)
      EXPECT_EQ(Gguf::elements(a.metadata()[i].second), Gguf::elements(b.metadata()[i].second));
    ASSERT_EQ(a.tensors().size(), b.tensors().size());
    for (size_t i = 0; i < a.tensors().size(); ++i) EXPECT_EQ(a.tensors()[i].offset, b.tensors()[i].offset);
  }
}

TEST(Files, ReleasedPagesComeBack) {
  Folder folder;
  GgufBuilder().tensor("t", {1 << 16}, 0, std::string(1 << 18, '\7')).write(folder / "m");
  const Gguf file = Gguf::open(folder / "m", geometry);
  const container::Tensor& t = file.tensors()[0];
  EXPECT_EQ(t.data[5000], std::byte{7});
  file.release(t);
  for (uint64_t i = 0; i < t.bytes; ++i) ASSERT_EQ(t.data[i], std::byte{7}) << i;
}

TEST(Files, BytesAreReadWithoutTheMapping) {
  Folder folder;
  std::string data(1 << 18, '\7');
  data[1000] = 'x';
  GgufBuilder().tensor("t", {1 << 16}, 0, data).write(folder / "m");
  const Gguf file = Gguf::open(folder / "m", geometry);
  const container::Tensor& t = file.tensors()[0];
  std::vector<std::byte> read(10);
  EXPECT_TRUE(file.read(t, 995, read));
  EXPECT_EQ(read[5], std::byte{'x'});
  EXPECT_TRUE(file.read(t, t.bytes - 10, read));
  EXPECT_FALSE(file.read(t, t.bytes - 9, read));
  EXPECT_FALSE(file.read(t, UINT64_MAX, read));
  std::filesystem::resize_file(folder / "m", 2000);
  EXPECT_TRUE(file.read(t, 995, read));
  EXPECT_FALSE(file.read(t, 5000, read));
}

TEST(Files, WhatFollowsTheLastTensor) {
  GgufBuilder builder = GgufBuilder().tensor("t", {32, 100}, 0, std::string(12800, '\7'));
  auto with = [&](size_t more) { return refusal([&] { parse(builder.bytes() + std::string(more, '\0')); }); };
  for (size_t more : {1, 31, 99}) {  // too few for a format of other blocks
    EXPECT_NE(with(more).find("bytes follow the last tensor"), std::string::npos) << with(more);
    EXPECT_NE(with(more).find("appended"), std::string::npos) << with(more);
  }
  EXPECT_NE(with(6400).find("another format"), std::string::npos) << with(6400);
  builder.tensors[0].shape = {33}, builder.tensors[0].data.resize(132);
  for (bool padded : {false, true}) {
    builder.pad_end = padded;
    EXPECT_NO_THROW(parse(builder.bytes()));
  }
}

TEST(Files, WhatIsNoFile) {
  Folder folder;
  EXPECT_NE(refusal_at(folder / "missing").find("cannot be opened"), std::string::npos);
  EXPECT_NE(refusal_at(folder / "").find("a directory"), std::string::npos);
  ASSERT_EQ(mkfifo((folder / "pipe").c_str(), 0600), 0);
  EXPECT_NE(refusal_at(folder / "pipe").find("not a regular file"), std::string::npos);
  EXPECT_NE(refusal_at(folder / "pipe").find("write it to a file first"), std::string::npos);
  EXPECT_NE(refusal_at("/dev/zero").find("not a regular file"), std::string::npos);
  EXPECT_NE(refusal_at(std::string("a\0b", 3)).find("NUL"), std::string::npos);
  GgufBuilder::write_file(folder / "empty", "");
  EXPECT_NE(refusal_at(folder / "empty").find("the file is empty"), std::string::npos);
  GgufBuilder::write_file(folder / "odd\nname", "GGUF");
  EXPECT_NE(refusal_at(folder / "odd\nname").find("odd\\x0aname"), std::string::npos);
}

// The kernel's type information may be mapped by this process alone, since Linux 6.16.
TEST(Files, PrivateMappingsWillDo) {
  const char* path = "/sys/kernel/btf/vmlinux";
  const int file = open(path, O_RDONLY);
  if (file < 0) GTEST_SKIP() << "no " << path;
  const auto maps = [&](int how) {
    void* page = mmap(nullptr, 4096, PROT_READ, how, file, 0);
    return page != MAP_FAILED && munmap(page, 4096) == 0;
  };
  const bool is_one = !maps(MAP_SHARED) && maps(MAP_PRIVATE);
  close(file);
  if (!is_one) GTEST_SKIP() << path << " is mapped in other ways by this kernel";
  std::ifstream stream(path, std::ios::binary);
  const std::string expected{std::istreambuf_iterator<char>(stream), {}};
  const container::Mapping mapping(path);
  ASSERT_EQ(mapping.bytes().size(), expected.size());
  EXPECT_EQ(std::memcmp(mapping.bytes().data(), expected.data(), expected.size()), 0);
}

TEST(Files, WhatCannotBeMapped) {
  const char* path = "/sys/kernel/notes";
  if (access(path, R_OK) != 0) GTEST_SKIP() << "no " << path;
  EXPECT_NE(refusal_at(path).find("cannot be mapped"), std::string::npos);
  EXPECT_NE(refusal_at(path).find("copy the model to a local disk"), std::string::npos);
}

TEST(Files, ASizeThatChangesWhileOpening) {
  Folder folder;
  const std::string path = folder / "m";
  every_type().write(path);
  for (uintmax_t size : {100, 1000000}) {
    container::Mapping mapping(path);
    std::filesystem::resize_file(path, size);
    EXPECT_NE(refusal([&] { mapping.settle(); }).find("changed its size"), std::string::npos) << size;
  }
  container::Mapping mapping(path);
  mapping.settle();
  EXPECT_EQ(mapping.bytes().size(), 1000000u);
}

// ---- split models

GgufBuilder part(uint16_t index, uint16_t count, int32_t tensors) {
  GgufBuilder file;
  if (index == 0) file.kv("general.name", "whole");
  file.kv("split.no", index).kv("split.count", count).kv("split.tensors.count", tensors);
  const std::string name(1, static_cast<char>('s' + index));
  file.tensor(name + ".a", {8}, 0, std::string(32, static_cast<char>(index)));
  return file.tensor(name + ".b", {8}, 0, std::string(32, static_cast<char>(index)));
}

std::string part_path(int index, int count) {
  char name[64];
  std::snprintf(name, sizeof name, "m-%05d-of-%05d.gguf", index + 1, count);
  return name;
}

class Splits : public testing::Test {
 protected:
  Folder folder;
  void write_three() {
    for (int i = 0; i < 3; ++i) part(static_cast<uint16_t>(i), 3, 6).write(folder / part_path(i, 3));
  }
};

TEST_F(Splits, AnyPartOpensAll) {
  write_three();
  for (int i = 0; i < 3; ++i) {
    const Gguf file = Gguf::open(folder / part_path(i, 3), geometry);
    EXPECT_EQ(file.string_at("general.name"), "whole");
    EXPECT_EQ(file.unsigned_at("split.no"), 0u);
    ASSERT_EQ(file.tensors().size(), 6u);
    for (int t = 0; t < 6; ++t) {
      EXPECT_EQ(file.tensors()[t].file, t / 2);
      EXPECT_EQ(file.tensors()[t].data[31], static_cast<std::byte>(t / 2));
      EXPECT_EQ(file.find_tensor(file.tensors()[t].name), &file.tensors()[t]);
    }
    EXPECT_EQ(file.bytes(), part(0, 3, 6).bytes().size() + 2 * part(1, 3, 6).bytes().size());
  }
}

TEST_F(Splits, FromTheirOwnFolderAndThroughLinks) {
  write_three();
  const auto here = std::filesystem::current_path();
  std::filesystem::current_path(folder / "");
  EXPECT_EQ(Gguf::open(part_path(1, 3), geometry).tensors().size(), 6u);
  std::filesystem::current_path(here);
  std::filesystem::create_directory(folder / "links");  // as download caches do
  for (int i = 0; i < 3; ++i)
    std::filesystem::create_symlink("../" + part_path(i, 3), folder / "links/" + part_path(i, 3));
  EXPECT_EQ(Gguf::open(folder / "links/" + part_path(2, 3), geometry).tensors().size(), 6u);
  std::filesystem::create_symlink(part_path(0, 3), folder / "model.gguf");
  EXPECT_EQ(Gguf::open(folder / "model.gguf", geometry).tensors().size(), 6u);
}

TEST_F(Splits, RefusalsNameThePart) {
  write_three();
  const std::string first = folder / part_path(0, 3), second = folder / part_path(1, 3);
  std::filesystem::resize_file(second, 60);
  EXPECT_EQ(refusal_at(first).find("[container] " + second + ": "), 0u) << refusal_at(first);
  std::filesystem::remove(second);
  EXPECT_EQ(refusal_at(first).find("[container] " + second + ": the file cannot be opened"), 0u);
  std::filesystem::create_directory(folder / "far");
  part(1, 3, 6).write(folder / "far/part");
  std::filesystem::create_symlink("far/part", second);
  EXPECT_NE(refusal_at(first).find("leaves the model's directory"), std::string::npos);
  std::filesystem::remove(second);
  part(1, 3, 7).write(second);
  EXPECT_NE(refusal_at(first).find("got part 2 of 3 with 7 tensors in all; expected part 2 of 3 with 6"),
            std::string::npos);
}

TEST_F(Splits, NamesFollowTheRule) {
  part(0, 3, 6).write(folder / "m.gguf");
  EXPECT_NE(refusal_at(folder / "m.gguf").find("expected a name that ends in -00001-of-00003.gguf"), std::string::npos);
  for (const char* name : {"-00001-of-00003.gguf", "m-0001-of-00003.gguf", "m-00001-of-00003.GGUF",
                           "m_00001-of-00003.gguf", "m-0000x-of-00003.gguf"}) {
    part(0, 3, 6).write(folder / name);
    EXPECT_NE(refusal_at(folder / name).find("has another name"), std::string::npos) << name;
  }
  part(0, 3, 6).write(folder / "m-00002-of-00003.gguf");
  EXPECT_NE(refusal_at(folder / "m-00002-of-00003.gguf").find("disagree"), std::string::npos);
}

TEST_F(Splits, NotFromMemory) {
  EXPECT_NE(refusal_of(part(0, 3, 6)).find("one part of a split model"), std::string::npos);
}

}  // namespace
}  // namespace ingot::test
