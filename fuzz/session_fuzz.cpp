// Fuzzes session files: any bytes are refused with an ingot::Error, or are a session that, written again, gives the
// same bytes. Magic, version and checksum of the input are put right as well, so that lengths and contents are tried
// behind them.
#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "base/files.h"
#include "container/session_file.h"
#include "ingot/error.h"

namespace {

using namespace ingot;
using File = std::vector<std::byte>;

/// The input with what no chance would find: the beginning of a session file, and its checksum.
File sealed(File file) {
  const char magic[] = "ingot-s\n\1\0\0";  // with its version, 1
  if (file.size() < 56) return file;
  std::copy_n(reinterpret_cast<const std::byte*>(magic), 12, file.begin());
  uint64_t sum = XXH3_64bits(file.data(), file.size() - 8);
  std::memcpy(file.data() + file.size() - 8, &sum, 8);
  return file;
}

void try_file(const File& file, const std::string& path) {
  container::Bytes cache;
  container::SavedSession session;
  try {
    session = container::parse_session(file, cache);
  } catch (const Error&) { return; }
  if (file.size() > container::max_session_bytes(session.tokens.size(), cache.size())) std::abort();
  container::write_session(path, session, cache.size(), [&](const auto& to) { to(cache); });
  if (read_file(path, file.size()) != file) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const std::string path =
      std::filesystem::temp_directory_path() / ("ingot_session_fuzz_" + std::to_string(getpid()));
  const std::byte* bytes = reinterpret_cast<const std::byte*>(data);
  File file(bytes, bytes + size);
  try_file(file, path);
  try_file(sealed(file), path);
  std::filesystem::remove(path);
  return 0;
}
