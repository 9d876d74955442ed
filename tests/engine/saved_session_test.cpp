// Sessions on disk: what was saved comes back bit for bit; another model's, or one of another format, is refused and
// changes nothing.
#include <gtest/gtest.h>
#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "base/files.h"
#include "ingot/ingot.h"
#include "support/models.h"

namespace ingot {
namespace {

class WithFile : public testing::Test {
 protected:
  void SetUp() override {
    path_ = testing::TempDir() + "ingot_session_XXXXXX";
    int made = mkstemp(path_.data());
    ASSERT_GE(made, 0);
    close(made);
  }
  void TearDown() override { std::filesystem::remove(path_); }
  std::vector<std::byte> content() const { return read_file(path_, 1 << 28); }
  void put(const std::vector<std::byte>& bytes) const {
    std::ofstream(path_, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  }
  std::string path_;
};

/// With a checksum that is right again.
std::vector<std::byte> sealed(std::vector<std::byte> bytes) {
  uint64_t sum = XXH3_64bits(bytes.data(), bytes.size() - 8);
  std::memcpy(bytes.data() + bytes.size() - 8, &sum, 8);
  return bytes;
}

class SavedOnSmallModel : public WithFile {
 protected:
  void SetUp() override {
    WithFile::SetUp();
    auto path = tests::model_path("smollm2-135m-instruct-q4_1.gguf");
    if (!path) GTEST_SKIP() << "no model: tools/fetch_model.sh smollm2 fetches it";
    model_path_ = *path;
  }
  Model load(int context = 256, const std::string& kv = "", const std::string& isa = "") {
    LoadOptions o;
    o.context = context, o.threads = 1, o.kv = kv, o.isa = isa;
    return Model::load(model_path_, o);
  }
  static std::vector<int32_t> tokens(int n) {
    std::vector<int32_t> ids;
    for (int i = 0; i < n; i++) ids.push_back(100 + i * 7919 % 40000);
    return ids;
  }
  static std::vector<float> after(Session& session, int32_t token) {
    session.append(std::span(&token, 1));
    return {session.logits().begin(), session.logits().end()};
  }
  void expect_refused(Session& session, const std::string& said) {
    std::vector<int32_t> before(session.tokens().begin(), session.tokens().end());
    try {
      session.load(path_);
      ADD_FAILURE() << "taken; expected: " << said;
    } catch (const Error& e) { EXPECT_NE(std::string(e.what()).find(said), std::string::npos) << e.what(); }
    EXPECT_TRUE(std::ranges::equal(session.tokens(), before));
  }
  std::string model_path_;
};

TEST_F(SavedOnSmallModel, ComesBackBitForBit) {
  for (const char* kv : {"", "q8_0"})
    for (int n : {1, 17, 64, 65, 150}) {
      Session saved(load(256, kv)),
          restored(load(200, kv));  // a longer or shorter context is another arrangement in memory
      saved.append(tokens(n));
      saved.save(path_, "note");
      restored.append(tokens(9));
      EXPECT_EQ(restored.load(path_), "note");
      EXPECT_TRUE(std::ranges::equal(restored.tokens(), saved.tokens()));
      EXPECT_TRUE(std::ranges::equal(restored.logits(), saved.logits())) << n << " tokens, " << kv;
      EXPECT_EQ(after(restored, 11), after(saved, 11)) << n << " tokens, " << kv;
    }
}

TEST_F(SavedOnSmallModel, AnEmptySessionIsOneToo) {
  Model model = load();
  Session(model).save(path_);
  Session session(model);
  session.append(tokens(3));
  EXPECT_EQ(session.load(path_), "");
  EXPECT_EQ(session.size(), 0);
  EXPECT_THROW(session.logits(), Error);
}

TEST_F(SavedOnSmallModel, OtherPlacesAreRefused) {
  Session saved(load());
  saved.append(tokens(100));
  saved.save(path_);
  Session session(load(64));
  session.append(tokens(5));
  expect_refused(session, "context is full");
  Session coded(load(256, "q8_0"));
  expect_refused(coded, "have another format; got f16, pages of 64 positions; expected q8_0");
  coded.append(tokens(10));
  coded.save(path_);
  expect_refused(session, "have another format; got q8_0");
  const DeviceInfo device = devices().front();
  for (const std::string& isa : device.isas)
    if (isa != device.isas.front()) {
      Session other(load(256, "q8_0", isa));
      expect_refused(other, "have another format");
      Session halves(load(256, "", isa));  // 16-bit floats lie alike everywhere
      saved.save(path_);
      halves.load(path_);
      EXPECT_EQ(after(halves, 11), after(saved, 11)) << isa;
      saved.truncate(100);
      coded.save(path_);
    }
}

TEST_F(SavedOnSmallModel, AnotherModelIsRefused) {
  Session saved(load());
  saved.append(tokens(4));
  saved.save(path_);
  // The same model but for one byte in the middle of one matrix, or one word of metadata.
  std::string copy = path_ + ".gguf";
  for (const char* word : {"", "You are a helpful"}) {
    std::filesystem::copy_file(model_path_, copy, std::filesystem::copy_options::overwrite_existing);
    auto bytes = read_file(copy, 1 << 28);
    std::string_view all(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    uint64_t at = 0;
    if (*word) {
      at = all.find(word);
    } else {
      for (const TensorInfo& t : inspect(copy).tensors)
        if (t.name == "blk.3.attn_k.weight") at = t.offset + t.bytes / 2;
    }
    ASSERT_TRUE(at > 0 && at < bytes.size());
    std::fstream(copy, std::ios::in | std::ios::out | std::ios::binary)
        .seekp(static_cast<std::streamoff>(at))
        .put(static_cast<char>(all[at] ^ 1));
    LoadOptions o;
    o.context = 256;
    Session session(Model::load(copy, o));
    expect_refused(session, "another model");
  }
  std::filesystem::remove(copy);
}

TEST_F(SavedOnSmallModel, TokensOutsideTheVocabularyAreRefused) {
  Model model = load();
  Session saved(model);
  saved.append(tokens(4));
  saved.save(path_);
  std::vector<std::byte> bytes = content();
  for (int32_t id : {-1, model.info().vocab}) {
    std::memcpy(bytes.data() + 48 + 4, &id, 4);
    put(sealed(bytes));
    expect_refused(saved, "not in the vocabulary");
  }
}

}  // namespace
}  // namespace ingot
