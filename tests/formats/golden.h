// Reads one file of tests/formats/golden: blocks of a format and the values that a reference written elsewhere decodes
// from them. Made by tools/goldens/formats.py, which describes the file.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <iterator>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace ingot::tests {

struct Golden {
  uint32_t n_blocks, block_bytes, block;
  std::vector<std::byte> blocks;  // [n_blocks][block_bytes]
  std::vector<float> values;      // [n_blocks][block]
};

/// The golden data of a format; nothing when there is no such file. Throws std::runtime_error for a file of another
/// size.
inline std::optional<Golden> read_golden(const std::string& folder, const std::string& name) {
  std::ifstream file(folder + "/" + name + ".bin", std::ios::binary);
  if (!file) return std::nullopt;
  std::vector<char> bytes(std::istreambuf_iterator<char>(file), {});
  uint32_t head[3];
  if (bytes.size() < sizeof head) throw std::runtime_error(name + ".bin is shorter than its head");
  std::memcpy(head, bytes.data(), sizeof head);
  Golden golden{head[0], head[1], head[2], {}, {}};
  golden.blocks.resize(static_cast<size_t>(golden.n_blocks) * golden.block_bytes);
  golden.values.resize(static_cast<size_t>(golden.n_blocks) * golden.block);
  if (bytes.size() != sizeof head + golden.blocks.size() + golden.values.size() * 4)
    throw std::runtime_error(name + ".bin has a size that its head denies");
  std::memcpy(golden.blocks.data(), bytes.data() + sizeof head, golden.blocks.size());
  std::memcpy(golden.values.data(), bytes.data() + sizeof head + golden.blocks.size(), golden.values.size() * 4);
  return golden;
}

}  // namespace ingot::tests
