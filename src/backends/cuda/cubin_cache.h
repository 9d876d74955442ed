// Machine code of composed sources, kept between runs: one file per source and architecture, in a folder of the user's
// own. A file that is damaged or was made from something else counts as missing and is rewritten. A cache that cannot
// be used is ignored: it never fails.
#pragma once
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace ingot::cuda {

class CubinCache {
 public:
  /// `folder` "": nothing is kept. It is created, for this user alone, at the first `keep`; one that another user could
  /// write to is not used. `driver`: its version.
  CubinCache(std::string folder, std::string architecture, int driver);
  /// `made_from`: source and options, which together determine a cubin.
  std::optional<std::vector<std::byte>> find(const std::string& made_from) const;
  void keep(const std::string& made_from, std::span<const std::byte> cubin) const;
  std::string path(const std::string& made_from) const;

 private:
  std::string folder_, architecture_;
  int driver_;
};

}  // namespace ingot::cuda
