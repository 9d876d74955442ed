#include "backends/cuda/cubin_cache.h"

#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include <cstring>
#include <filesystem>

#include "base/files.h"
#include "ingot/error.h"

namespace ingot::cuda {

namespace {

constexpr uint64_t max_bytes = uint64_t(256) << 20;

// Header of a cached file, before the machine code; without padding, so that all of it is compared.
struct Header {
  char magic[8];
  char architecture[16];
  XXH128_hash_t made_from;
  uint64_t driver, bytes;
  XXH128_hash_t sum;  // of the machine code: the driver is not given a length, and would follow a damaged one anywhere
};
static_assert(sizeof(Header) == 72);

Header header_of(const std::string& made_from, const std::string& architecture, int driver,
                 std::span<const std::byte> cubin) {
  Header h = {};
  std::memcpy(h.magic, "ingotcu1", sizeof h.magic);
  architecture.copy(h.architecture, sizeof h.architecture);
  h.made_from = XXH3_128bits(made_from.data(), made_from.size());
  h.driver = static_cast<uint64_t>(driver), h.bytes = cubin.size();
  h.sum = XXH3_128bits(cubin.data(), cubin.size());
  return h;
}

// Whether only this user writes to the folder.
bool is_own(const std::string& folder) {
  struct stat status = {};
  return stat(folder.c_str(), &status) == 0 && S_ISDIR(status.st_mode) && status.st_uid == geteuid() &&
         !(status.st_mode & (S_IWGRP | S_IWOTH));
}

}  // namespace

CubinCache::CubinCache(std::string folder, std::string architecture, int driver)
    : folder_(std::move(folder)), architecture_(std::move(architecture)), driver_(driver) {
  while (folder_.ends_with('/')) folder_.pop_back();
}

std::string CubinCache::path(const std::string& made_from) const {
  XXH128_hash_t hash = XXH3_128bits(made_from.data(), made_from.size());
  return fmt::format("{}/{:016x}{:016x}_{}.cubin", folder_, hash.high64, hash.low64, architecture_);
}

std::optional<std::vector<std::byte>> CubinCache::find(const std::string& made_from) const {
  if (folder_.empty() || !is_own(folder_)) return std::nullopt;
  try {
    std::vector<std::byte> file = read_file(path(made_from), max_bytes);
    if (file.size() < sizeof(Header)) return std::nullopt;
    std::vector<std::byte> cubin(file.begin() + sizeof(Header), file.end());
    Header expected = header_of(made_from, architecture_, driver_, cubin);
    if (std::memcmp(file.data(), &expected, sizeof expected) != 0) return std::nullopt;
    return cubin;
  } catch (const Error&) { return std::nullopt; }
}

void CubinCache::keep(const std::string& made_from, std::span<const std::byte> cubin) const {
  if (folder_.empty()) return;
  std::error_code error;
  std::filesystem::create_directories(std::filesystem::path(folder_).parent_path(), error);
  mkdir(folder_.c_str(), 0700);
  if (!is_own(folder_)) return;
  try {
    NewFile file(path(made_from), Access::owner);
    Header header = header_of(made_from, architecture_, driver_, cubin);
    file.write(std::as_bytes(std::span(&header, 1)));
    file.write(cubin);
    file.commit();
  } catch (const Error&) {  // costs the next run a compilation
  }
}

}  // namespace ingot::cuda
