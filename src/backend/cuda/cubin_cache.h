// Machine code of composed sources, kept between runs: a file a source, compiler, driver and architecture, in a folder of the user's own.
// A file that is damaged or made for something else counts as missing, and is written anew.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ingot::cuda {

/// What a cubin was made from and for.
struct CubinKey {
  uint64_t source = 0;       ///< hash of the composed text
  int compiler = 0, driver = 0;
  std::string architecture;
};
CubinKey cubin_key(const std::string& source, const std::string& architecture);

/// `folder` "": nothing is kept. Neither fails: a cache that cannot be read or written is none.
std::optional<std::vector<std::byte>> cached_cubin(const std::string& folder, const CubinKey& key);
void keep_cubin(const std::string& folder, const CubinKey& key, const std::vector<std::byte>& cubin);

}  // namespace ingot::cuda
