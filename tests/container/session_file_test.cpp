// Session files: what was written comes back; every damage and every length that cannot be is seen.
#include "container/session_file.h"

#include <gtest/gtest.h>
#include <unistd.h>
#include <xxhash.h>

#include <cstring>
#include <filesystem>

#include "base/files.h"
#include "ingot/error.h"

namespace ingot::container {
namespace {

class SessionFile : public testing::Test {
 protected:
  void SetUp() override {
    path_ = testing::TempDir() + "ingot_session_XXXXXX";
    int made = mkstemp(path_.data());
    ASSERT_GE(made, 0);
    close(made);
  }
  void TearDown() override { std::filesystem::remove(path_); }
  std::string path_;
};

std::vector<std::byte> small_session(const std::string& path) {
  SavedSession session{0x1234, "f16", "a note", {5, 6, 7}};
  std::string cache = "keys and values";
  write_session(path, session, cache.size(), [&](const auto& to) { to(std::as_bytes(std::span(cache))); });
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
    parse_session(bytes, cache);
    ADD_FAILURE() << "taken; expected: " << said;
  } catch (const Error& e) { EXPECT_NE(std::string(e.what()).find(said), std::string::npos) << e.what(); }
}

TEST_F(SessionFile, GivesBackWhatWasWritten) {
  std::vector<std::byte> bytes = small_session(path_);
  Bytes cache;
  SavedSession session = parse_session(bytes, cache);
  EXPECT_EQ(session.model, 0x1234u);
  EXPECT_EQ(session.layout, "f16");
  EXPECT_EQ(session.note, "a note");
  EXPECT_EQ(session.tokens, (std::vector<int32_t>{5, 6, 7}));
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(cache.data()), cache.size()), "keys and values");
}

TEST_F(SessionFile, EveryDamageIsSeen) {
  const std::vector<std::byte> bytes = small_session(path_);
  for (size_t n = 0; n < bytes.size(); n++) refused(Bytes(bytes).first(n), n < 56 ? "not a session file" : "damaged");
  for (size_t i = 0; i < bytes.size(); i++)
    for (int bit = 0; bit < 8; bit++) {
      std::vector<std::byte> changed = bytes;
      changed[i] ^= static_cast<std::byte>(1 << bit);
      refused(changed, i < 8 ? "not a session file" : i < 12 ? "unsupported session version" : "damaged");
    }
  std::vector<std::byte> longer = bytes;
  longer.push_back(std::byte(0));
  refused(longer, "damaged");
}

TEST_F(SessionFile, LengthsThatOverflowAreSeenBehindARightChecksum) {
  const std::vector<std::byte> bytes = small_session(path_);
  for (size_t at : {12, 24, 32, 40})  // tokens, bytes of layout, note and cache
    for (uint64_t value :
         {uint64_t(0), uint64_t(1), uint64_t(1) << 31, ~uint64_t(0), ~uint64_t(0) - 40, uint64_t(1) << 62}) {
      std::vector<std::byte> changed = bytes;
      std::memcpy(changed.data() + at, &value, at == 12 ? 4 : 8);
      refused(sealed(changed), "damaged");
    }
  std::vector<std::byte> shifted = bytes;  // the same total: what was note is cache now
  uint64_t note = 3, cache = 18;
  std::memcpy(shifted.data() + 32, &note, 8);
  std::memcpy(shifted.data() + 40, &cache, 8);
  Bytes rest;
  EXPECT_EQ(parse_session(sealed(shifted), rest).note, "a n");
}

}  // namespace
}  // namespace ingot::container
