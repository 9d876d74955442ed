#include "backend/cuda/cubin_cache.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <xxhash.h>

#include <cstring>
#include <filesystem>

#include "backend/cuda/compiler.h"
#include "backend/cuda/driver.h"
#include "base/files.h"
#include "ingot/error.h"

namespace ingot::cuda {

namespace {

constexpr uint64_t most_bytes = uint64_t(256) << 20;

// Stands in front of the machine code. `sum`: of everything behind itself.
struct Header {
  char magic[8];
  uint64_t sum, source, bytes;
  int32_t compiler, driver;
  char architecture[16];
};

Header header_of(const CubinKey& key, std::span<const std::byte> cubin) {
  Header h = {};
  std::memcpy(h.magic, "ingotcu1", sizeof h.magic);
  h.source = key.source, h.bytes = cubin.size(), h.compiler = key.compiler, h.driver = key.driver;
  std::strncpy(h.architecture, key.architecture.c_str(), sizeof h.architecture - 1);
  XXH3_state_t* state = XXH3_createState();
  XXH3_64bits_reset(state);
  XXH3_64bits_update(state, &h.source, sizeof h - offsetof(Header, source));
  XXH3_64bits_update(state, cubin.data(), cubin.size());
  h.sum = XXH3_64bits_digest(state);
  XXH3_freeState(state);
  return h;
}

std::string path_of(const std::string& folder, const CubinKey& key) {
  return fmt::format("{}/{:016x}_{}_{}_{}.cubin", folder, key.source, key.architecture, key.compiler, key.driver);
}

}  // namespace

CubinKey cubin_key(const std::string& source, const std::string& architecture) {
  CompilerFacts facts = compiler_facts();
  return {XXH3_64bits(source.data(), source.size()), facts.major * 100 + facts.minor, driver().driver_version, architecture};
}

std::optional<std::vector<std::byte>> cached_cubin(const std::string& folder, const CubinKey& key) {
  if (folder.empty() || !std::filesystem::exists(path_of(folder, key))) return std::nullopt;
  try {
    std::vector<std::byte> file = read_file(path_of(folder, key), most_bytes);
    if (file.size() < sizeof(Header)) return std::nullopt;
    std::span<const std::byte> cubin = std::span(file).subspan(sizeof(Header));
    Header expected = header_of(key, cubin);
    if (std::memcmp(file.data(), &expected, sizeof expected) != 0) return std::nullopt;
    return std::vector<std::byte>(cubin.begin(), cubin.end());
  } catch (const Error&) {
    return std::nullopt;
  }
}

void keep_cubin(const std::string& folder, const CubinKey& key, const std::vector<std::byte>& cubin) {
  if (folder.empty()) return;
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  ::chmod(folder.c_str(), 0700);
  try {
    NewFile file(path_of(folder, key));
    Header header = header_of(key, cubin);
    file.write(std::as_bytes(std::span(&header, 1)));
    file.write(cubin);
    file.commit();
  } catch (const Error&) {
    // a cache that cannot be written costs a compilation, not an answer
  }
}

}  // namespace ingot::cuda
