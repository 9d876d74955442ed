// What the tests of the container share: geometries of a few real types, a folder that goes away, and the text of a
// refusal.
#pragma once
#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <map>
#include <string>

#include "container/gguf.h"
#include "support/gguf_builder.h"

namespace ingot::test {

/// Elements and bytes of a block, by type number: the types that tools/make_malformed.py uses.
inline std::optional<container::Geometry> geometry(uint32_t type) {
  static const std::map<uint32_t, std::pair<uint64_t, uint64_t>> blocks = {
      {0, {1, 4}},     {1, {1, 2}},     {2, {32, 18}},    {3, {32, 20}},    {6, {32, 22}},    {7, {32, 24}},
      {8, {32, 34}},   {10, {256, 84}}, {11, {256, 110}}, {12, {256, 144}}, {13, {256, 176}}, {14, {256, 210}},
      {16, {256, 66}}, {20, {32, 18}},  {23, {256, 136}}, {30, {1, 2}},     {35, {256, 66}},  {39, {32, 17}}};
  auto found = blocks.find(type);
  if (found == blocks.end()) return std::nullopt;
  return container::Geometry{found->second.first, found->second.second, "format" + std::to_string(type)};
}

/// A folder of its own, removed with everything in it.
class Folder {
 public:
  Folder() {
    std::string name = testing::TempDir() + "ingot_container_XXXXXX";
    if (!mkdtemp(name.data())) throw std::runtime_error("cannot make " + name);
    path_ = name;
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

/// The text of the Error that `action` throws; "" when it throws none.
inline std::string refusal(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    EXPECT_EQ(error.room(), "container");
    return error.what();
  }
  return "";
}

inline container::Gguf parse(const std::string& bytes) {
  return container::Gguf::parse({reinterpret_cast<const std::byte*>(bytes.data()), bytes.size()}, geometry);
}
inline std::string refusal_of(const GgufBuilder& file) {
  return refusal([&] { parse(file.bytes()); });
}

/// One key of every type, three tensors.
inline GgufBuilder every_type() {
  GgufBuilder file;
  file.kv<uint8_t>("u8", 200).kv<int8_t>("i8", -100).kv<uint16_t>("u16", 60000).kv<int16_t>("i16", -30000);
  file.kv<uint32_t>("u32", 4000000000u)
      .kv<int32_t>("i32", -2000000000)
      .kv<uint64_t>("u64", UINT64_MAX)
      .kv<int64_t>("i64", INT64_MIN);
  file.kv("f32", 0.5f).kv("f64", -0.25).kv("true", true).kv("false", false).kv("string", "text").kv("empty", "");
  file.array<uint8_t>("u8s", {1, 255})
      .array<int8_t>("i8s", {-1, 127})
      .array<uint16_t>("u16s", {1, 65535})
      .array<int16_t>("i16s", {-1, 32767});
  file.array<uint32_t>("u32s", {1, 7})
      .array<int32_t>("i32s", {INT32_MIN, INT32_MAX})
      .array<uint64_t>("u64s", {1, UINT64_MAX});
  file.array<int64_t>("i64s", {-1, INT64_MAX}).array<float>("f32s", {1.5f, -2.5f}).array<double>("f64s", {1.5, -2.5});
  file.array<bool>("bools", {true, false, true})
      .array<std::string>("strings", {"one", "", "three"})
      .array<std::string>("none", {});
  file.tensor("a", {2, 3}, 0, bytes_of(std::vector<float>{1, 2, 3, 4, 5, 6}));
  file.tensor("b", {64, 2, 1, 2}, 8, std::string(8 * 34, '\3')).tensor("c", {5}, 1, std::string(10, '\4'));
  return file;
}

}  // namespace ingot::test
