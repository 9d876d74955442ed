// What a sound file hands out: metadata of every type, by every getter, and tensors.
#include <cmath>
#include <limits>

#include "container/support.h"

namespace ingot::test {
namespace {

using container::Gguf;
using container::Scalar;
using container::Type;

class Values : public testing::Test {
 protected:
  std::string bytes = every_type().bytes();
  Gguf file = parse(bytes);
  std::string refused(void (*action)(const Gguf&)) {
    return refusal([&] { action(file); });
  }
};

TEST_F(Values, KeysInFileOrder) {
  EXPECT_EQ(file.version(), 3u);
  EXPECT_EQ(file.bytes(), bytes.size());
  ASSERT_EQ(file.metadata().size(), 27u);
  EXPECT_EQ(file.metadata()[0].first, "u8");
  EXPECT_EQ(file.metadata()[26].first, "none");
  for (const auto& [key, value] : file.metadata()) {
    EXPECT_EQ(file.find(key), &value);
    EXPECT_EQ(value.data, reinterpret_cast<const std::byte*>(bytes.data()) + value.offset) << key;
  }
  EXPECT_EQ(file.find("u8s")->type, Type::array);
  EXPECT_EQ(file.find("u8s")->element, Type::u8);
  EXPECT_EQ(file.find("bools")->count, 3u);
  EXPECT_EQ(file.find("strings")->bytes, 3 * 8 + 8u);
  EXPECT_EQ(file.find("nothing"), nullptr);
  EXPECT_EQ(file.find(""), nullptr);
}

TEST_F(Values, Integers) {
  EXPECT_EQ(file.unsigned_at("u8"), 200u);
  EXPECT_EQ(file.unsigned_at("u16"), 60000u);
  EXPECT_EQ(file.unsigned_at("u32"), 4000000000u);
  EXPECT_EQ(file.unsigned_at("u64"), UINT64_MAX);
  EXPECT_EQ(file.unsigned_at("u8", 200), 200u);
  EXPECT_EQ(file.find_unsigned("u16"), 60000u);
  EXPECT_EQ(file.find_unsigned("nothing"), std::nullopt);
  EXPECT_THROW(file.unsigned_at("u8", 199), Error);
  for (const char* key : {"i8", "i16", "i32", "i64"}) EXPECT_THROW(file.unsigned_at(key), Error) << key;
  for (const char* key : {"f32", "f64", "true", "string", "u8s", "nothing"})
    EXPECT_THROW(file.unsigned_at(key), Error) << key;
  EXPECT_THROW(file.find_unsigned("string"), Error);
}

TEST_F(Values, Numbers) {
  EXPECT_EQ(file.number_at("f32"), 0.5);
  EXPECT_EQ(file.number_at("f64"), -0.25);
  EXPECT_EQ(file.number_at("i8"), -100.0);
  EXPECT_EQ(file.number_at("i64"), -0x1p63);
  EXPECT_EQ(file.number_at("u64"), 0x1p64);
  EXPECT_EQ(file.find_number("nothing"), std::nullopt);
  for (const char* key : {"true", "string", "f32s", "nothing"}) EXPECT_THROW(file.number_at(key), Error) << key;
}

TEST(Value, NumbersAreFinite) {
  const float inf = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  GgufBuilder builder;
  builder.kv("inf", inf)
      .kv("minus", -inf)
      .kv("nan", nan)
      .kv("nan64", static_cast<double>(nan))
      .kv("inf64", static_cast<double>(inf));
  builder.array<float>("infs", {1, inf}).array<float>("nans", {nan, 1});
  const std::string bytes = builder.bytes();
  const Gguf file = parse(bytes);
  for (const char* key : {"inf", "minus", "nan", "nan64", "inf64"}) {
    EXPECT_THROW(file.number_at(key), Error) << key;
    EXPECT_THROW(file.find_number(key), Error) << key;
  }
  EXPECT_THROW(file.floats_at("infs"), Error);
  EXPECT_THROW(file.floats_at("nans"), Error);
  EXPECT_TRUE(std::isinf(std::get<double>(Gguf::elements(*file.find("infs"))[1])));
}

TEST_F(Values, Booleans) {
  EXPECT_EQ(file.find_bool("true"), true);
  EXPECT_EQ(file.find_bool("false"), false);
  EXPECT_EQ(file.find_bool("nothing"), std::nullopt);
  for (const char* key : {"u8", "string", "bools"}) EXPECT_THROW(file.find_bool(key), Error) << key;
}

TEST_F(Values, Strings) {
  EXPECT_EQ(file.string_at("string"), "text");
  EXPECT_EQ(file.string_at("empty"), "");
  EXPECT_EQ(file.find_string("string"), "text");
  EXPECT_EQ(file.find_string("nothing"), std::nullopt);
  EXPECT_EQ(file.strings_at("strings"), (std::vector<std::string_view>{"one", "", "three"}));
  EXPECT_TRUE(file.strings_at("none").empty());
  for (const char* key : {"u8", "strings", "nothing"}) EXPECT_THROW(file.string_at(key), Error) << key;
  for (const char* key : {"string", "u8s", "bools", "nothing"}) EXPECT_THROW(file.strings_at(key), Error) << key;
}

TEST_F(Values, Arrays) {
  EXPECT_EQ(file.floats_at("f32s"), (std::vector<float>{1.5f, -2.5f}));
  for (const char* key : {"f64s", "i8s", "u8s", "f32", "nothing"}) EXPECT_THROW(file.floats_at(key), Error) << key;
  EXPECT_EQ(file.integers_at("u8s"), (std::vector<int32_t>{1, 255}));
  EXPECT_EQ(file.integers_at("i8s"), (std::vector<int32_t>{-1, 127}));
  EXPECT_EQ(file.integers_at("u16s"), (std::vector<int32_t>{1, 65535}));
  EXPECT_EQ(file.integers_at("i16s"), (std::vector<int32_t>{-1, 32767}));
  EXPECT_EQ(file.integers_at("u32s"), (std::vector<int32_t>{1, 7}));
  EXPECT_EQ(file.integers_at("i32s"), (std::vector<int32_t>{INT32_MIN, INT32_MAX}));
  for (const char* key : {"u64s", "i64s", "f32s", "bools", "strings", "i32"})
    EXPECT_THROW(file.integers_at(key), Error) << key;
  EXPECT_EQ(file.unsigneds_at("u64s"), (std::vector<uint64_t>{1, UINT64_MAX}));
  EXPECT_EQ(file.unsigneds_at("u8s"), (std::vector<uint64_t>{1, 255}));
  EXPECT_EQ(file.unsigneds_at("u16"), (std::vector<uint64_t>{60000}));
  for (const char* key : {"i8s", "i64s", "i8", "f32s", "bools", "string"})
    EXPECT_THROW(file.unsigneds_at(key), Error) << key;
}

TEST(Value, IntegersThatDoNotFit) {
  GgufBuilder builder;
  builder.array<uint32_t>("over", {1, 0x80000000u})
      .array<int64_t>("under", {int64_t{INT32_MIN} - 1})
      .array<int64_t>("fits", {INT32_MIN, INT32_MAX});
  const std::string bytes = builder.bytes();
  const Gguf file = parse(bytes);
  EXPECT_THROW(file.integers_at("over"), Error);
  EXPECT_THROW(file.integers_at("under"), Error);
  EXPECT_EQ(file.integers_at("fits"), (std::vector<int32_t>{INT32_MIN, INT32_MAX}));
}

TEST_F(Values, ElementsOfAnyType) {
  EXPECT_EQ(Gguf::elements(*file.find("i8s")), (std::vector<Scalar>{int64_t{-1}, uint64_t{127}}));
  EXPECT_EQ(Gguf::elements(*file.find("u64s"), 1), (std::vector<Scalar>{uint64_t{1}}));
  EXPECT_EQ(Gguf::elements(*file.find("f64s")), (std::vector<Scalar>{1.5, -2.5}));
  EXPECT_EQ(Gguf::elements(*file.find("bools"), 2), (std::vector<Scalar>{true, false}));
  EXPECT_EQ(Gguf::elements(*file.find("strings")),
            (std::vector<Scalar>{std::string_view("one"), std::string_view(""), std::string_view("three")}));
  EXPECT_EQ(Gguf::elements(*file.find("string")), (std::vector<Scalar>{std::string_view("text")}));
  EXPECT_TRUE(Gguf::elements(*file.find("none")).empty());
}

TEST_F(Values, Tensors) {
  ASSERT_EQ(file.tensors().size(), 3u);
  const container::Tensor& a = *file.find_tensor("a");
  EXPECT_EQ(a.shape, (std::vector<uint64_t>{2, 3}));
  EXPECT_EQ(a.elements, 6u);
  EXPECT_EQ(a.bytes, 24u);
  EXPECT_EQ(a.offset % 32, 0u);
  EXPECT_EQ(a.file, 0);
  EXPECT_EQ(std::memcmp(a.data, bytes.data() + a.offset, 24), 0);
  const container::Tensor& b = *file.find_tensor("b");
  EXPECT_EQ(b.elements, 256u);
  EXPECT_EQ(b.bytes, 8 * 34u);
  EXPECT_EQ(b.offset, a.offset + 32);
  EXPECT_EQ(b.data[0], std::byte{3});
  EXPECT_EQ(file.find_tensor("c")->data[9], std::byte{4});
  EXPECT_EQ(file.find_tensor("d"), nullptr);
  file.release(b);  // from memory: nothing to release
  EXPECT_EQ(b.data[271], std::byte{3});
}

TEST_F(Values, RefusalsSayFileKeyAndOffset) {
  const std::string at = std::to_string(file.find("i8")->offset);
  EXPECT_EQ(refused([](const Gguf& f) { f.unsigned_at("i8", 10); }),
            "[container] memory: key \"i8\": the number is out of range (byte " + at + "); got -100; expected 0 to 10");
  EXPECT_EQ(refused([](const Gguf& f) { f.unsigned_at("nothing"); }),
            "[container] memory: the key \"nothing\" is missing; the file may be incomplete, or made for another kind "
            "of model");
  EXPECT_NE(refused([](const Gguf& f) { f.floats_at("i8s"); }).find("got array of 2 i8; expected an array of f32"),
            std::string::npos);
}

TEST(Value, LongArraysAreNotReadOutWhole) {
  GgufBuilder builder;
  builder.array<uint8_t>("long", std::vector<uint8_t>((1 << 21) + 1))
      .array<uint8_t>("fits", std::vector<uint8_t>(1 << 21));
  const std::string bytes = builder.bytes();
  const Gguf file = parse(bytes);
  EXPECT_THROW(file.integers_at("long"), Error);
  EXPECT_EQ(file.integers_at("fits").size(), size_t{1} << 21);
  EXPECT_EQ(Gguf::elements(*file.find("long"), 8).size(), 8u);
}

TEST(Value, WrittenToAfterOpening) {
  std::string bytes = GgufBuilder().array<std::string>("strings", {"one", "two"}).kv("string", "text").bytes();
  const Gguf file = parse(bytes);
  for (const char* key : {"strings", "string"}) bytes[file.find(key)->offset + 1] = '\x7F';  // its first length
  EXPECT_THROW(file.strings_at("strings"), Error);
  EXPECT_THROW(file.string_at("string"), Error);
}

}  // namespace
}  // namespace ingot::test
