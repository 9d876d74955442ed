// Sessions on disk: what was saved comes back bit for bit; what is damaged, or another model's, is refused and changes nothing.
#include "engine/session_file.h"

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

using engine::Bytes;

class SessionFile : public testing::Test {
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
    std::ofstream(path_, std::ios::binary).write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  }
  std::string path_;
};

std::vector<std::byte> small_session(const std::string& path) {
  engine::SavedSession session{0x1234, "f16", "a note", {5, 6, 7}};
  std::string cache = "keys and values";
  engine::write_session(path, session, cache.size(), [&](const auto& to) { to(std::as_bytes(std::span(cache))); });
  return read_file(path, 1 << 20);
}

/// With a checksum that is right again.
std::vector<std::byte> sealed(std::vector<std::byte> bytes) {
  uint64_t sum = XXH3_64bits(bytes.data(), bytes.size() - 8);
  std::memcpy(bytes.data() + bytes.size() - 8, &sum, 8);
  return bytes;
}

void refused(Bytes bytes, const std::string& said) {
  Bytes cache;
  try {
    engine::parse_session(bytes, cache);
    ADD_FAILURE() << "taken; expected: " << said;
  } catch (const Error& e) { EXPECT_NE(std::string(e.what()).find(said), std::string::npos) << e.what(); }
}

TEST_F(SessionFile, GivesBackWhatWasWritten) {
  std::vector<std::byte> bytes = small_session(path_);
  Bytes cache;
  engine::SavedSession session = engine::parse_session(bytes, cache);
  EXPECT_EQ(session.model, 0x1234u);
  EXPECT_EQ(session.layout, "f16");
  EXPECT_EQ(session.note, "a note");
  EXPECT_EQ(session.tokens, (std::vector<int32_t>{5, 6, 7}));
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(cache.data()), cache.size()), "keys and values");
}

TEST_F(SessionFile, EveryDamageIsSeen) {
  const std::vector<std::byte> bytes = small_session(path_);
  for (size_t n = 0; n < bytes.size(); n++) refused(Bytes(bytes).first(n), n < 56 ? "no session" : "damaged");
  for (size_t i = 0; i < bytes.size(); i++)
    for (int bit = 0; bit < 8; bit++) {
      std::vector<std::byte> changed = bytes;
      changed[i] ^= static_cast<std::byte>(1 << bit);
      refused(changed, i < 8 ? "no session" : i < 12 ? "another version" : "damaged");
    }
  std::vector<std::byte> longer = bytes;
  longer.push_back(std::byte(0));
  refused(longer, "damaged");
}

TEST_F(SessionFile, LengthsThatOverflowAreSeenBehindARightChecksum) {
  const std::vector<std::byte> bytes = small_session(path_);
  for (size_t at : {12, 24, 32, 40})  // tokens, bytes of layout, note and cache
    for (uint64_t value : {uint64_t(0), uint64_t(1), uint64_t(1) << 31, ~uint64_t(0), ~uint64_t(0) - 40, uint64_t(1) << 62}) {
      std::vector<std::byte> changed = bytes;
      std::memcpy(changed.data() + at, &value, at == 12 ? 4 : 8);
      refused(sealed(changed), "damaged");
    }
  std::vector<std::byte> shifted = bytes;  // the same total: what was note is cache now
  uint64_t note = 3, cache = 18;
  std::memcpy(shifted.data() + 32, &note, 8);
  std::memcpy(shifted.data() + 40, &cache, 8);
  Bytes rest;
  EXPECT_EQ(engine::parse_session(sealed(shifted), rest).note, "a n");
}

class SavedOnSmallModel : public SessionFile {
 protected:
  void SetUp() override {
    SessionFile::SetUp();
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
      Session saved(load(256, kv)), restored(load(200, kv));  // a longer or shorter context is another arrangement in memory
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
  expect_refused(coded, "kept differently; got f16; expected q8_0");
  coded.append(tokens(10));
  coded.save(path_);
  expect_refused(session, "kept differently; got q8_0");
  const DeviceInfo device = devices().front();
  for (const std::string& isa : device.isas)
    if (isa != device.isas.front()) {
      Session other(load(256, "q8_0", isa));
      expect_refused(other, "kept differently");
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
