// Where tests find real and synthetic models: in the cache folder, never in the tree. A test without its model skips
// and says how to get it.
#pragma once
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>

namespace ingot::tests {

/// The cache folder: $INGOT_CACHE, or .cache in the source tree.
inline std::string cache_folder() {
  const char* cache = std::getenv("INGOT_CACHE");
  return cache && *cache ? cache : INGOT_SOURCE_DIR "/.cache";
}

/// Path of the model file `name` ("smollm2-135m-instruct-q4_1.gguf", "gemma-3-270m-q4_k_m.gguf", "synthetic/….gguf"),
/// if it is there.
inline std::optional<std::string> model_path(const std::string& name) {
  std::string path = cache_folder() + "/models/" + name;
  if (!std::filesystem::exists(path)) return std::nullopt;
  return path;
}

}  // namespace ingot::tests
