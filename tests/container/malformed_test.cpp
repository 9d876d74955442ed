// Files that lie. Every file of tools/make_malformed.py is opened in a child process, which must come back with a typed
// error (or a model, where the fault is not the container's business), in bounded memory, and still able to open a
// sound file.
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <memory>
#include <sstream>

#include "container/support.h"

namespace ingot::test {
namespace {

using container::Gguf;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool measures_memory = false;  // the sanitizer's own memory is counted too
#elif defined(__has_feature)
constexpr bool measures_memory = !__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer);
#else
constexpr bool measures_memory = true;
#endif
constexpr uint64_t spare_kib = 64 << 10;
constexpr unsigned hang_s = 120;  // ends a child that would never come back; not a measure of speed

/// The most memory that this process has had, in KiB; 0 where the system does not say.
uint64_t peak_kib() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.rfind("VmHWM:", 0) == 0) return std::stoull(line.substr(6));
  return 0;
}

void read_all(const Gguf& file) {
  unsigned sum = 0;
  size_t keys = 0;
  for (const auto& [key, value] : file.metadata()) {
    if (++keys > 1000) break;  // thrown refusals are slow
    sum += static_cast<unsigned>(Gguf::elements(value, 1000).size());
    for (auto get : {+[](const Gguf& f, std::string_view k) { f.unsigned_at(k); },
                     +[](const Gguf& f, std::string_view k) { f.number_at(k); },
                     +[](const Gguf& f, std::string_view k) { f.find_bool(k); },
                     +[](const Gguf& f, std::string_view k) { f.string_at(k); },
                     +[](const Gguf& f, std::string_view k) { f.strings_at(k); },
                     +[](const Gguf& f, std::string_view k) { f.floats_at(k); },
                     +[](const Gguf& f, std::string_view k) { f.integers_at(k); },
                     +[](const Gguf& f, std::string_view k) { f.unsigneds_at(k); }}) {
      try {
        get(file, key);
      } catch (const Error&) {}
    }
  }
  for (const auto& tensor : file.tensors())
    for (uint64_t i = 0; i < tensor.bytes; ++i) sum += static_cast<unsigned>(tensor.data[i]);
  volatile unsigned sink = sum;
  (void)sink;
}

struct Outcome {
  std::string message;      ///< of the Error; "" when the file was opened
  uint64_t peak_kib = 0;    ///< by which the child's memory grew at most
  bool sound_after = true;  ///< a sound file could be opened afterwards
  std::string death;        ///< how the child died, if it did
};

/// Opens `path` in a child process.
Outcome open_in_child(const std::string& path, const std::string& sound) {
  int channel[2];
  if (pipe(channel) != 0) throw std::runtime_error("no pipe");
  const pid_t child = fork();
  if (child == 0) {
    alarm(hang_s);
    const uint64_t before = peak_kib();
    std::string message;
    try {
      read_all(Gguf::open(path, geometry));
    } catch (const Error& error) { message = error.what(); }
    const uint64_t grown = peak_kib() - before;
    bool sound_after = false;
    try {
      sound_after = Gguf::open(sound, geometry).tensors().size() == 3;
    } catch (const Error&) {}
    std::string text = std::to_string(grown) + ' ' + (sound_after ? '1' : '0') + ' ' + message;
    text.resize(std::min<size_t>(text.size(), 4000));  // fits a pipe
    _exit(write(channel[1], text.data(), text.size()) == static_cast<ssize_t>(text.size()) ? 0 : 1);
  }
  close(channel[1]);
  std::string text;
  char piece[4096];
  for (ssize_t n; (n = read(channel[0], piece, sizeof piece)) > 0;) text.append(piece, static_cast<size_t>(n));
  close(channel[0]);
  int status = 0;
  waitpid(child, &status, 0);
  Outcome outcome;
  if (WIFSIGNALED(status))
    outcome.death = "signal " + std::to_string(WTERMSIG(status));
  else if (WEXITSTATUS(status) != 0)
    outcome.death = "exit code " + std::to_string(WEXITSTATUS(status)) + " (an exception other than Error?)";
  std::istringstream in(text);
  in >> outcome.peak_kib >> outcome.sound_after;
  in.get();
  std::getline(in, outcome.message, '\0');
  return outcome;
}

/// One line of the generator's manifest.
struct Case {
  std::string path, group, expected, words;
};

std::vector<Case> generate(const Folder& folder, const char* options) {
  const std::string command = std::string("python3 '") + INGOT_SOURCE_DIR + "/tools/make_malformed.py' " + options +
                              " --out '" + folder / "" + "' > /dev/null";
  if (std::system(command.c_str()) != 0) throw std::runtime_error("failed: " + command);
  std::vector<Case> cases;
  std::ifstream manifest(folder / "manifest.tsv");
  for (std::string line; std::getline(manifest, line);) {
    std::istringstream in(line);
    Case c;
    std::getline(in, c.path, '\t');
    std::getline(in, c.group, '\t');
    std::getline(in, c.expected, '\t');
    std::getline(in, c.words);
    cases.push_back(c);
  }
  return cases;
}

TEST(Malformed, EveryFileOfTheGenerator) {
  Folder folder, other;
  const std::string sound = other / "sound.gguf";
  every_type().write(sound);
  const std::vector<Case> cases = generate(folder, "");
  size_t refused = 0;
  uint64_t max_kib = 0;
  for (const Case& c : cases) {
    SCOPED_TRACE(c.path);
    const Outcome outcome = open_in_child(folder / c.path, sound);
    ASSERT_EQ(outcome.death, "");
    EXPECT_TRUE(outcome.sound_after);
    if (c.expected == "refused") {
      ++refused;
      EXPECT_EQ(outcome.message.rfind("[container] " + folder / "", 0), 0u) << "names no file: " << outcome.message;
      EXPECT_NE(outcome.message.find(c.words), std::string::npos)
          << "got: " << outcome.message << "\nwithout: " << c.words;
      for (char byte : outcome.message)
        EXPECT_GE(static_cast<uint8_t>(byte), 0x20) << "unprintable: " << outcome.message;
    } else {
      EXPECT_EQ(outcome.message, "");
    }
    const uint64_t file_kib = std::filesystem::file_size(folder / c.path) >> 10;
    if (measures_memory) { EXPECT_LT(outcome.peak_kib, file_kib + spare_kib); }
    max_kib = std::max(max_kib, outcome.peak_kib - std::min(outcome.peak_kib, file_kib));
  }
  EXPECT_GE(refused, 300u);
  RecordProperty("files", static_cast<int>(cases.size()));
  RecordProperty("max_kib_beyond_file", static_cast<int>(max_kib));
}

size_t entries_of(const char* folder) {
  return static_cast<size_t>(
      std::distance(std::filesystem::directory_iterator(folder), std::filesystem::directory_iterator()));
}

size_t mapped_models() {
  size_t count = 0;
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) count += line.find(".gguf") != std::string::npos;
  return count;
}

TEST(Malformed, NothingStaysBehind) {
  Folder folder;
  const std::vector<Case> cases = generate(folder, "--small");
  const size_t files_before = entries_of("/proc/self/fd");
  for (const Case& c : cases) refusal([&] { Gguf::open(folder / c.path, geometry); });
  EXPECT_EQ(entries_of("/proc/self/fd"), files_before);
  EXPECT_EQ(mapped_models(), 0u);
}

/// `bytes` in memory of exactly their size, so that a sanitizer sees a read past the end.
std::string refusal_of_bytes(std::string_view bytes) {
  auto exact = std::make_unique<std::byte[]>(bytes.size());
  std::memcpy(exact.get(), bytes.data(), bytes.size());
  return refusal([&] { read_all(Gguf::parse({exact.get(), bytes.size()}, geometry)); });
}

TEST(Malformed, CutAtEveryByte) {
  GgufBuilder builder = every_type();
  builder.pad_end = false;
  const std::string bytes = builder.bytes();
  for (size_t size = 0; size < bytes.size(); ++size) {
    const std::string message = refusal_of_bytes(std::string_view(bytes).substr(0, size));
    ASSERT_NE(message, "") << "opened when cut to " << size << " of " << bytes.size() << " bytes";
    ASSERT_EQ(message.rfind("[container] memory: ", 0), 0u) << message;
  }
  EXPECT_EQ(refusal_of_bytes(bytes), "");
}

TEST(Malformed, CutAtEveryByteOnDisk) {
  Folder folder;
  const std::string path = folder / "m.gguf";
  every_type().write(path);
  const size_t table = every_type().table().size();
  std::filesystem::resize_file(path, table + 40);
  for (size_t size = table + 40; size-- > 0;) {
    std::filesystem::resize_file(path, size);
    ASSERT_NE(refusal([&] { Gguf::open(path, geometry); }), "") << size;
  }
  every_type().write(path);
  EXPECT_EQ(Gguf::open(path, geometry).tensors().size(), 3u);
}

TEST(Malformed, EveryByteChanged) {
  const std::string sound = every_type().bytes();
  const size_t table = every_type().table().size();
  size_t opened = 0;
  for (size_t at = 0; at < table; ++at) {
    for (int mask : {0x01, 0x80, 0xFF}) {
      std::string bytes = sound;
      bytes[at] = static_cast<char>(bytes[at] ^ mask);
      opened +=
          refusal_of_bytes(bytes).empty();  // a changed value or name is sound; a changed count, type or length is not
    }
  }
  EXPECT_GT(opened, 100u);
  EXPECT_LT(opened, 2 * table);
  EXPECT_EQ(refusal_of_bytes(sound), "");
}

// ---- what the messages say

TEST(Malformed, RefusalsSayFileSubjectAndOffset) {
  GgufBuilder builder;
  builder.kv("fine", true).raw_kv("long", 8, raw<uint64_t>(UINT64_MAX) + "text");
  const size_t at = builder.table().size() - 4;
  EXPECT_EQ(refusal_of(builder),
            "[container] memory: key \"long\": the file ends inside the string (byte " + std::to_string(at) +
                "); got 18446744073709551615 bytes; expected at most the 4 remaining bytes; the file is damaged or its "
                "download is incomplete: download it again");
}

TEST(Malformed, UnknownTypeSaysItsNumberAndTheWayOut) {
  GgufBuilder builder;
  const size_t at = builder.tensor("w", {8}, 139, std::string(32, '\0')).table().size() - 8 - 4 - 8 - 4 - 1 - 8;
  EXPECT_EQ(refusal_of(builder), "[container] memory: tensor \"w\": unknown tensor type (byte " + std::to_string(at) +
                                     "); got type 139; expected the number of a known format; a format file states its "
                                     "number in model files; this "
                                     "tensor needs a format with this number");
}

TEST(Malformed, AnotherFormatUnderTheSameNumber) {
  GgufBuilder builder;
  builder.tensor("w", {256}, 2, std::string(8 * 24, '\0')).tensor("x", {8}, 0, std::string(32, '\0'));
  EXPECT_NE(
      refusal_of(builder).find("leaves a gap before tensor \"x\" (byte 24); got 192 bytes up to it; expected 160 "
                               "bytes, 8 blocks of format2 (32 "
                               "elements in 18 bytes) aligned to 32; the tensor's type number may mean another format"),
      std::string::npos)
      << refusal_of(builder);
}

TEST(Malformed, NamesAreEscaped) {
  GgufBuilder builder;
  builder.kv(std::string_view("a\0b\x1b[2J\xff", 8), uint8_t{1});
  EXPECT_NE(refusal_of(builder).find("key \"a\\x00b\\x1b[2J\\xff\": the name"), std::string::npos)
      << refusal_of(builder);
  GgufBuilder spoof;
  spoof.tensor("n\xc3\xbc\xe2\x80\xae", {8}, 99, std::string(32, '\0'));  // ü, then a direction override
  EXPECT_NE(refusal_of(spoof).find("tensor \"n\xc3\xbc\\xe2\\x80\\xae\""), std::string::npos) << refusal_of(spoof);
}

TEST(Malformed, GeometryWithoutSize) {
  const std::string bytes = GgufBuilder().tensor("w", {8}, 0, std::string(32, '\0')).bytes();
  for (const auto& g : {container::Geometry{0, 4, "no block"}, container::Geometry{1, 0, "no bytes"}}) {
    const auto action = [&] {
      Gguf::parse({reinterpret_cast<const std::byte*>(bytes.data()), bytes.size()},
                  [&](uint32_t) { return std::optional(g); });
    };
    EXPECT_NE(refusal(action).find("unknown tensor type"), std::string::npos) << g.name;
  }
}

}  // namespace
}  // namespace ingot::test
