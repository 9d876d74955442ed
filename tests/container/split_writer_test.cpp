// Models written in parts: cut between tensors, within the size asked for, and read back as one.
#include "container/split_writer.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "container/support.h"

namespace ingot::container {
namespace {

constexpr uint64_t alignment = 32;

struct Written {
  std::vector<NewValue> metadata = {NewValue::of("general.architecture", "llama"), NewValue::of("x.count", uint32_t{7}),
                                    NewValue::of("x.texts", std::vector<std::string>{"a", "", "long text"})};
  std::vector<NewTensor> tensors;
  std::vector<std::vector<std::byte>> bytes;
  Written() {
    for (uint64_t i = 0; i < 9; i++) {
      const uint64_t n = 40 + 30 * (i % 4);
      tensors.push_back({"tensor" + std::to_string(i), 0, {n, 3}, n * 3 * 4});
      bytes.emplace_back(n * 3 * 4, std::byte(i + 1));
    }
  }
  std::vector<NewPart> write(const std::string& path, uint64_t max_bytes, uint64_t aligned = alignment) const {
    std::vector<NewPart> parts = parts_of(path, metadata, tensors, aligned, max_bytes);
    SplitWriter writer(parts, aligned);
    for (const auto& tensor : bytes) {  // in two pieces
      writer.write(std::span(tensor).first(100));
      writer.write(std::span(tensor).subspan(100));
    }
    writer.commit();
    return parts;
  }
  void expect_in(const std::string& path) const {
    const Gguf file = Gguf::open(path, test::geometry);
    EXPECT_EQ(file.string_at("general.architecture"), "llama");
    EXPECT_EQ(file.strings_at("x.texts"), (std::vector<std::string_view>{"a", "", "long text"}));
    ASSERT_EQ(file.tensors().size(), tensors.size());
    for (size_t i = 0; i < tensors.size(); i++) {
      const Tensor& t = file.tensors()[i];
      EXPECT_EQ(t.name, tensors[i].name);
      EXPECT_EQ(t.shape, tensors[i].shape);
      EXPECT_TRUE(std::equal(bytes[i].begin(), bytes[i].end(), t.data)) << t.name;
    }
  }
};

TEST(SplitWriter, PartsAreReadAsOneAndKeepTheSize) {
  const Written model;
  for (uint64_t max_bytes : {2000u, 2600u, 4000u, 7000u}) {
    const test::Folder folder;
    const std::vector<NewPart> parts = model.write(folder / "m.gguf", max_bytes);
    ASSERT_GT(parts.size(), 1u);
    EXPECT_EQ(parts[0].path, folder / ("m-00001-of-0000" + std::to_string(parts.size()) + ".gguf"));
    for (const NewPart& part : parts) {
      EXPECT_EQ(std::filesystem::file_size(part.path), part.bytes);
      EXPECT_LE(part.bytes, max_bytes);
      EXPECT_FALSE(part.tensors.empty());
      model.expect_in(part.path);  // whichever part is named
    }
    EXPECT_EQ(Gguf::open(parts[1].path, test::geometry).paths().size(), parts.size());
    EXPECT_FALSE(std::filesystem::exists(folder / "m.gguf"));
  }
}

TEST(SplitWriter, OneFileWhereAllFits) {
  const Written model;
  for (uint64_t max_bytes : {uint64_t{0}, uint64_t{1} << 30}) {
    const test::Folder folder;
    const std::vector<NewPart> parts = model.write(folder / "m.gguf", max_bytes);
    ASSERT_EQ(parts.size(), 1u);
    EXPECT_EQ(parts[0].path, folder / "m.gguf");
    EXPECT_FALSE(Gguf::open(parts[0].path, test::geometry).find("split.count"));
    model.expect_in(parts[0].path);
  }
}

TEST(SplitWriter, EveryPartKnowsTheAlignment) {
  Written model;
  model.metadata.push_back(NewValue::of("general.alignment", uint32_t{128}));
  const test::Folder folder;
  const std::vector<NewPart> parts = model.write(folder / "m", 2600, 128);
  ASSERT_GT(parts.size(), 1u);
  model.expect_in(parts[0].path);
  std::vector<NewTensor> padded;  // to nearly twice their size
  for (int i = 0; i < 60; i++) padded.push_back({"t" + std::to_string(i), 0, {33}, 132});
  for (uint64_t max_bytes = 1000; max_bytes < 4000; max_bytes += 4)
    for (const NewPart& part : parts_of("m", model.metadata, padded, 128, max_bytes)) ASSERT_LE(part.bytes, max_bytes);
}

TEST(SplitWriter, ATensorThatIsTooLargeHasAPartOfItsOwn) {
  const Written model;
  const test::Folder folder;
  const std::vector<NewPart> parts = model.write(folder / "m.gguf", 100);
  EXPECT_EQ(parts.size(), model.tensors.size());
  model.expect_in(parts[4].path);
}

TEST(SplitWriter, PartsOfTwoModelsAreNeverReadAsOne) {
  const Written model;
  const test::Folder folder;
  const std::vector<NewPart> parts = model.write(folder / "m.gguf", 2600);
  ASSERT_GT(parts.size(), 2u);
  SplitWriter writer(parts, alignment);
  for (const auto& tensor : model.bytes) writer.write(tensor);
  std::filesystem::remove(parts[1].path);
  std::filesystem::create_directory(parts[1].path);  // which no file can replace
  EXPECT_THROW(writer.commit(), Error);
  EXPECT_FALSE(std::filesystem::exists(parts[0].path));
  EXPECT_TRUE(std::filesystem::exists(parts[2].path));
  EXPECT_THROW(Gguf::open(parts[2].path, test::geometry), Error);
}

TEST(SplitWriter, NothingTakesItsNameBeforeAllIsWhole) {
  const Written model;
  const test::Folder folder;
  {
    const std::vector<NewPart> parts = parts_of(folder / "m.gguf", model.metadata, model.tensors, alignment, 2000);
    SplitWriter writer(parts, alignment);
    for (size_t i = 0; i + 1 < model.bytes.size(); i++) writer.write(model.bytes[i]);
    EXPECT_THROW(writer.commit(), Error);  // the last part, which comes first, lacks a tensor
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder / ""));
  std::vector<NewTensor> many;
  for (int i = 0; i < 501; i++) many.push_back({std::to_string(i), 0, {8}, 32});
  EXPECT_NE(test::refusal([&] { parts_of("m", {}, many, alignment, 1); }).find("too many parts"), std::string::npos);
}

}  // namespace
}  // namespace ingot::container
